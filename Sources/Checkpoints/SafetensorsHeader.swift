import JSON
import Tensors

/// The header of a safetensors file. The file consists of a length in 8 bytes, JSON of that length, and the values of
/// all tensors without gaps or overlaps (format description, version 0.4).
package struct SafetensorsHeader {
  struct Entry {
    let type: StoredType
    let shape: [Int]
    /// Byte range, counted from the beginning of the file.
    let range: Range<Int>
  }

  let entries: [String: Entry]
  let metadata: [String: String]

  /// The longest header that is read, in bytes, as in the reference implementation.
  static let limit = 100_000_000

  static let typeNames: [(name: String, type: ElementType)] = [
    ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64), ("I32", .int32),
    ("I16", .int16), ("I8", .int8), ("U8", .uint8), ("BOOL", .bool),
  ]

  /// The format's other types. Tensors of these types can be listed, but not read.
  private static let unreadableTypes: [String: StoredType] = [
    "F8_E4M3": .init("float8_e4m3fn", bits: 8), "F8_E5M2": .init("float8_e5m2", bits: 8),
    "F8_E4M3FNUZ": .init("float8_e4m3fnuz", bits: 8), "F8_E5M2FNUZ": .init("float8_e5m2fnuz", bits: 8),
    "F8_E8M0": .init("float8_e8m0fnu", bits: 8), "F6_E2M3": .init("float6_e2m3", bits: 6),
    "F6_E3M2": .init("float6_e3m2", bits: 6), "F4": .init("float4_e2m1", bits: 4), "U16": .init("uint16", bits: 16),
    "U32": .init("uint32", bits: 32), "U64": .init("uint64", bits: 64), "C64": .init("complex64", bits: 64),
    "C128": .init("complex128", bits: 128),
  ]

  /// The type for a name as it stands in headers, such as "BF16"; nil if the format has no such type.
  private static func type(named name: String) -> StoredType? {
    typeNames.first { $0.name == name }.map { StoredType($0.type) } ?? unreadableTypes[name]
  }

  /// Reads and checks a header.
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - path: The file's name in error messages.
  /// - Throws: ``CheckpointError``; `JSONError` if the header is not strict JSON or a value in it has the wrong type.
  package init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    func malformed(_ place: String, _ expected: String, _ found: String) -> CheckpointError {
      .malformed(path: path, place: place, expected: expected, found: found)
    }
    guard let length = bytes.number(at: 0, as: UInt64.self) else {
      throw malformed("header length", "8 bytes", "a file of \(bytes.count)")
    }
    guard length <= Self.limit, length >= 2, let text = bytes.part(8, Int(length)) else {
      throw malformed("header length", "2 to \(min(Self.limit, max(bytes.count - 8, 0))) bytes", "\(length)")
    }
    guard text.first == UInt8(ascii: "{") else {
      throw malformed("header", "a brace at its beginning", "a different byte")
    }
    let start = 8 + Int(length)
    let json = try text.withMemoryRebound(to: UInt8.self) {
      try JSONValue.parse($0, name: "\(path): header", maximumDepth: 4)
    }
    let node = JSONNode(json, name: "\(path): header")
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for key in try node.keys() {
      if key == "__metadata__" {
        for name in try node[key].keys() { metadata[name] = try node[key][name].string() }
        continue
      }
      let entry = node[key]
      let name = try entry["dtype"].string()
      guard let type = Self.type(named: name) else {
        throw CheckpointError.unsupported(
          path: path, what: "\(key): type '\(name)'",
          supported: (Self.typeNames.map(\.name) + Self.unreadableTypes.keys.sorted()).joined(separator: ", "))
      }
      let shape = try entry["shape"].ints()
      let offsets = try entry["data_offsets"].ints()
      guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= bytes.count - start else {
        throw malformed(
          "\(key): data_offsets", "two offsets up to \(bytes.count - start), the second not below the first",
          "\(offsets)")
      }
      guard let size = type.byteCount(shape), size == offsets[1] - offsets[0] else {
        throw malformed(
          "\(key): data_offsets", "as many bytes as shape \(shape) of \(name) takes", "\(offsets[1] - offsets[0])")
      }
      entries[key] = Entry(type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
    }
    var end = start
    for (key, entry) in entries.sorted(by: {
      ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }) {
      guard entry.range.lowerBound == end else {
        throw malformed(
          "\(key): data_offsets",
          "a beginning at \(end - start), where the tensor before it ends (the first begins at 0)",
          "\(entry.range.lowerBound - start)")
      }
      end = entry.range.upperBound
    }
    guard end == bytes.count else {
      throw malformed(
        "end of the tensors", "\(bytes.count - start), the number of bytes after the header", "\(end - start)")
    }
    (self.entries, self.metadata) = (entries, metadata)
  }
}
