/// An error in a NumPy file.
public enum NumPyError: Error, Equatable, CustomStringConvertible {
  /// A file that cannot be read or written.
  case file(path: String, reason: String)
  /// Contents that break the format's rules.
  case malformed(path: String, part: String, expected: String, found: String)
  /// Contents that follow the rules but are not supported.
  case unsupported(path: String, what: String, supported: String)

  public var description: String {
    switch self {
    case .file(let path, let reason): "\(path): \(reason)"
    case .malformed(let path, let part, let expected, let found):
      "\(path): \(part): expected \(expected), found \(found); the file is damaged or has a different format"
    case .unsupported(let path, let what, let supported): "\(path): \(what) is not supported; supported: \(supported)"
    }
  }
}
