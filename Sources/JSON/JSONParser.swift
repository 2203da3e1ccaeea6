import CJSONC
import Foundation

extension JSONValue {
  /// The longest text that is read, in bytes: 256 MiB, more than any header or configuration has.
  package static let sizeLimit = 256 << 20

  /// The most values that are read, arrays and objects included: json-c takes up to 200 bytes of memory per value,
  /// however short its text is.
  package static let valueLimit = 1 << 21

  /// U+FEFF in UTF-8. Some editors begin a file with it.
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  /// Reads strict JSON (RFC 8259): one value, UTF-8 with or without a byte order mark, no duplicate keys, whole numbers
  /// within 64 bits, other numbers finite, at most 256 MiB and 2,097,152 values.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - name: The text's name in error messages.
  ///   - maximumDepth: The most levels of arrays and objects allowed.
  /// - Throws: ``JSONError``.
  public static func parse(_ text: String, name: String, maximumDepth: Int = 64) throws -> JSONValue {
    try parse(Array(text.utf8), name: name, maximumDepth: maximumDepth)
  }

  /// Reads strict JSON from bytes in memory.
  package static func parse(_ bytes: UnsafeBufferPointer<UInt8>, name: String, maximumDepth: Int = 64) throws
    -> JSONValue
  {
    guard bytes.count <= sizeLimit else {
      throw JSONError.tooLarge(name: name, bytes: bytes.count, limit: sizeLimit)
    }
    let bytes =
      bytes.starts(with: byteOrderMark)
      ? UnsafeBufferPointer(rebasing: bytes.dropFirst(byteOrderMark.count)) : bytes
    var scanner = StrictScanner(bytes, name: name, maximumDepth: maximumDepth)
    try scanner.check()
    // json-c counts the value itself as a level, and refuses the last level that it has room for.
    guard let tokener = json_tokener_new_ex(Int32(maximumDepth + 2)) else {
      throw JSONError.file(path: name, reason: "no memory")
    }
    defer { json_tokener_free(tokener) }
    json_tokener_set_flags(tokener, Int32(JSON_TOKENER_STRICT))
    let parsed = bytes.withMemoryRebound(to: CChar.self) { text in
      let parsed = json_tokener_parse_ex(tokener, text.baseAddress, Int32(text.count))
      // json-c waits for another character after a number at the top level.
      return json_tokener_get_error(tokener) == json_tokener_continue ? json_tokener_parse_ex(tokener, " ", 1) : parsed
    }
    defer { json_object_put(parsed) }
    let outcome = json_tokener_get_error(tokener)
    guard outcome == json_tokener_success else {
      throw JSONError.malformed(
        name: name, line: 1, column: 1, expected: "JSON", found: String(cString: json_tokener_error_desc(outcome)))
    }
    return JSONValue(parsed)
  }

  /// Reads strict JSON from an array of bytes.
  package static func parse(_ bytes: [UInt8], name: String, maximumDepth: Int = 64) throws -> JSONValue {
    try bytes.withUnsafeBufferPointer { try parse($0, name: name, maximumDepth: maximumDepth) }
  }

  private init(_ pointer: OpaquePointer?) {
    switch json_object_get_type(pointer) {
    case json_type_boolean: self = .bool(json_object_get_boolean(pointer) != 0)
    case json_type_int: self = .integer(json_object_get_int64(pointer))
    case json_type_double: self = .double(json_object_get_double(pointer))
    case json_type_string:
      let bytes = UnsafeRawBufferPointer(
        start: json_object_get_string(pointer), count: Int(json_object_get_string_len(pointer)))
      self = .string(String(decoding: bytes, as: UTF8.self))
    case json_type_array:
      self = .array((0..<json_object_array_length(pointer)).map { JSONValue(json_object_array_get_idx(pointer, $0)) })
    case json_type_object:
      var object = JSONObject()
      var iterator = json_object_iter_begin(pointer)
      var end = json_object_iter_end(pointer)
      while json_object_iter_equal(&iterator, &end) == 0 {
        object[String(cString: json_object_iter_peek_name(&iterator))] = JSONValue(
          json_object_iter_peek_value(&iterator))
        json_object_iter_next(&iterator)
      }
      self = .object(object)
    default: self = .null
    }
  }
}
