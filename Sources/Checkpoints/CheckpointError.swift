/// An error in a checkpoint.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// A file or folder that cannot be read or written.
  case file(path: String, reason: String)
  /// Contents that break the format's rules.
  case malformed(path: String, place: String, expected: String, found: String)
  /// A pickle that requests something other than tensors, plain values and containers. No code in it was run.
  case forbidden(path: String, what: String)
  /// Valid contents that this package does not support.
  case unsupported(path: String, what: String, supported: String)
  /// A key that the checkpoint does not have.
  case missingKey(path: String, key: String)
  /// A model folder that lacks a required part.
  case missingPart(folder: String, part: String, needed: String)

  public var description: String {
    switch self {
    case .file(let path, let reason): "\(path): \(reason)"
    case .malformed(let path, let place, let expected, let found):
      "\(path): \(place): expected \(expected), found \(found); the file is damaged or its name is wrong"
    case .forbidden(let path, let what):
      "\(path): the pickle requests \(what), which no checkpoint needs; nothing was run"
    case .unsupported(let path, let what, let supported): "\(path): \(what) is not supported; supported: \(supported)"
    case .missingKey(let path, let key): "\(path): no tensor is named '\(key)'"
    case .missingPart(let folder, let part, let needed): "\(folder): expected \(part), found nothing; \(needed)"
    }
  }
}
