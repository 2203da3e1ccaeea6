/// An error in JSON.
public enum JSONError: Error, Equatable, CustomStringConvertible {
  /// The text is not strict JSON.
  case malformed(name: String, line: Int, column: Int, expected: String, found: String)
  /// A key occurs twice in one object.
  case duplicateKey(name: String, line: Int, column: Int, key: String)
  /// The text has more levels of arrays and objects than allowed.
  case tooDeep(name: String, limit: Int)
  /// The text has more bytes than allowed.
  case tooLarge(name: String, bytes: Int, limit: Int)
  /// The text has more values than allowed.
  case tooMany(name: String, limit: Int)
  /// A value is missing or has a different type than expected.
  case wrongType(location: String, expected: String, found: String)
  /// An object has a key that is not known for its type.
  case unknownKey(location: String, key: String, known: [String])
  /// A file cannot be read or written.
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .malformed(let name, let line, let column, let expected, let found):
      "\(name), line \(line), column \(column): expected \(expected), found \(found)"
    case .duplicateKey(let name, let line, let column, let key):
      "\(name), line \(line), column \(column): the key '\(key)' occurs twice in the same object; remove one"
    case .tooDeep(let name, let limit): "\(name): expected at most \(limit) levels of arrays and objects, found more"
    case .tooLarge(let name, let bytes, let limit): "\(name): expected at most \(limit) bytes, found \(bytes)"
    case .tooMany(let name, let limit): "\(name): expected at most \(limit) values, found more"
    case .wrongType(let location, let expected, let found): "\(location): expected \(expected), found \(found)"
    case .unknownKey(let location, let key, let known):
      switch nearNames(to: key, among: known) {
      case []: "\(location): there is no key '\(key)'; expected \(known.joined(separator: ", "))"
      case let near:
        "\(location): there is no key '\(key)'; is it \(near.joined(separator: " or "))? "
          + "Expected \(known.joined(separator: ", "))"
      }
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
