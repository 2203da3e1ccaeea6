import Foundation

/// A node of a JSON file, for typed reading. Errors name the file and the path of the node in it.
///
/// The subscript of a missing key or index returns a node that is not present. Reading such a node throws, or returns
/// the fallback if the call has one. null counts as not present.
public struct JSONNode: Sendable {
  /// The value; nil if there is none.
  public let value: JSONValue?
  private let name: String
  private let path: String

  /// The root node of a value.
  /// - Parameter name: The file's name, for error messages.
  public init(_ value: JSONValue, name: String) { self.init(value, name: name, path: "") }

  private init(_ value: JSONValue?, name: String, path: String) {
    (self.value, self.name, self.path) = (value == .null ? nil : value, name, path)
  }

  /// Reads a file.
  /// - Throws: ``JSONError`` if the file cannot be read, is too large or is not strict JSON.
  public static func read(_ path: String) throws -> JSONNode {
    let attributes = try? FileManager.default.attributesOfItem(
      atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
    // Reading a pipe would wait until another process writes to it.
    if let type = attributes?[.type] as? FileAttributeType, type != .typeRegular {
      throw JSONError.file(path: path, reason: "expected a JSON file, found a folder or device")
    }
    if let size = attributes?[.size] as? Int, size > JSONValue.sizeLimit {
      throw JSONError.tooLarge(name: path, bytes: size, limit: JSONValue.sizeLimit)
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw JSONError.file(path: path, reason: "expected a JSON file, found none that can be read")
    }
    if let foreign = data.withUnsafeBytes({ ForeignContents(of: $0) }) {
      throw JSONError.file(path: path, reason: "expected JSON, found \(foreign)")
    }
    return JSONNode(try JSONValue.parse([UInt8](data), name: path), name: path)
  }

  public var isPresent: Bool { value != nil }

  /// The file's name and the node's path in it, for error messages.
  public var location: String { path.isEmpty ? name : "\(name): \(path)" }

  /// The value of a key in an object.
  public subscript(key: String) -> JSONNode {
    let inner = path.isEmpty ? key : path + "." + key
    guard case .object(let object)? = value else { return JSONNode(nil, name: name, path: inner) }
    return JSONNode(object[key], name: name, path: inner)
  }

  /// The element of an array at an index.
  public subscript(index: Int) -> JSONNode {
    let inner = "\(path)[\(index)]"
    guard case .array(let values)? = value, values.indices.contains(index) else {
      return JSONNode(nil, name: name, path: inner)
    }
    return JSONNode(values[index], name: name, path: inner)
  }

  /// The value as a whole number; a number such as 2.0 counts as whole.
  /// - Throws: ``JSONError/wrongType(location:expected:found:)``, like all methods that read a value.
  public func int() throws -> Int {
    switch value {
    case .integer(let number)?: return Int(number)
    case .double(let number)? where number.rounded() == number && number.magnitude < 0x1p53: return Int(number)
    default: throw mismatch("a whole number")
    }
  }

  public func double() throws -> Double {
    switch value {
    case .integer(let number)?: return Double(number)
    case .double(let number)?: return number
    default: throw mismatch("a number")
    }
  }

  public func float() throws -> Float { Float(try double()) }

  public func string() throws -> String {
    guard case .string(let text)? = value else { throw mismatch("a string") }
    return text
  }

  public func bool() throws -> Bool {
    guard case .bool(let truth)? = value else { throw mismatch("true or false") }
    return truth
  }

  public func array() throws -> [JSONNode] {
    guard case .array(let values)? = value else { throw mismatch("an array") }
    return values.enumerated().map { JSONNode($1, name: name, path: "\(path)[\($0)]") }
  }

  public func keys() throws -> [String] {
    guard case .object(let object)? = value else { throw mismatch("an object") }
    return object.keys
  }

  public func ints() throws -> [Int] { try array().map { try $0.int() } }
  public func floats() throws -> [Float] { try array().map { try $0.float() } }
  public func strings() throws -> [String] { try array().map { try $0.string() } }

  public func int(or fallback: Int) throws -> Int { isPresent ? try int() : fallback }
  public func double(or fallback: Double) throws -> Double { isPresent ? try double() : fallback }
  public func float(or fallback: Float) throws -> Float { isPresent ? try float() : fallback }
  public func string(or fallback: String) throws -> String { isPresent ? try string() : fallback }
  public func bool(or fallback: Bool) throws -> Bool { isPresent ? try bool() : fallback }
  public func ints(or fallback: [Int]) throws -> [Int] { isPresent ? try ints() : fallback }

  /// A height and a width: one number for both, a list of two, or an object with `height` and `width`.
  package func heightAndWidth() throws -> (height: Int, width: Int) {
    switch value {
    case .object?: return (try self["height"].int(), try self["width"].int())
    case .array?:
      let numbers = try ints()
      guard numbers.count == 2 else { throw mismatch("one number, or a height and a width") }
      return (numbers[0], numbers[1])
    default:
      let side = try int()
      return (side, side)
    }
  }

  /// The error for a value that is not as expected.
  package func mismatch(_ expected: String) -> JSONError {
    .wrongType(location: location, expected: expected, found: value?.kind ?? "nothing")
  }
}
