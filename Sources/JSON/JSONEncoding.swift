import Foundation

extension JSONValue {
  /// The JSON of any encodable value, members sorted by name.
  /// - Throws: `EncodingError` for NaN and infinity, which JSON cannot represent, and for anything else that cannot be
  ///   encoded; ``JSONError`` if the JSON is larger or deeper than is read.
  public init(encoding value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    self = try JSONValue.parse(Array(encoder.encode(value)), name: "\(type(of: value))")
  }
}

extension JSONNode {
  /// Decodes a value that ``JSONValue/init(encoding:)`` has encoded.
  /// - Throws: ``JSONError/wrongType(location:expected:found:)`` if the JSON does not describe such a value.
  public func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data((value ?? .null).text().utf8))
    } catch {
      throw JSONError.wrongType(location: location, expected: "the JSON of \(type)", found: "\(error)")
    }
  }
}
