import Foundation

extension JSONValue {
  /// The JSON of any encodable value, members sorted by name.
  /// - Throws: `EncodingError` for NaN and infinity, which JSON cannot represent.
  public init(encoding value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    self = try JSONValue.parse(Array(encoder.encode(value)), name: "\(type(of: value))")
  }
}
