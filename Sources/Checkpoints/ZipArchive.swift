import Deflate

/// The directory of a zip file, also in the format zip64. Its entries may be uncompressed, as PyTorch writes them, or
/// deflated.
package struct ZipArchive {
  struct Entry {
    /// The entry's bytes in the file, counted from its beginning.
    let range: Range<Int>
    /// Number of bytes after decompression.
    let count: Int
    let isDeflated: Bool
  }

  let entries: [String: Entry]
  private let path: String

  /// The most entries that are read. No checkpoint has as many.
  static let entryLimit = 1 << 20

  /// - Throws: ``CheckpointError`` for archives that are damaged, encrypted, or compressed by a method other than
  ///   deflate.
  package init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    func malformed(_ place: String, _ expected: String, _ found: String) -> CheckpointError {
      .malformed(path: path, place: "zip " + place, expected: expected, found: found)
    }
    guard let end = Self.endRecord(bytes) else {
      throw malformed("directory", "an end record", "none; the file may be cut off")
    }
    var count = Int(bytes.number(at: end + 10, as: UInt16.self) ?? 0)
    var start = Int(bytes.number(at: end + 16, as: UInt32.self) ?? 0)
    if count == 0xffff || start == 0xffff_ffff {
      guard bytes.number(at: end - 20, as: UInt32.self) == 0x0706_4b50,
        let recordOffset = bytes.number(at: end - 12, as: UInt64.self), let record = Int(exactly: recordOffset),
        bytes.number(at: record, as: UInt32.self) == 0x0606_4b50,
        let large = bytes.number(at: record + 32, as: UInt64.self).flatMap(Int.init(exactly:)),
        let offset = bytes.number(at: record + 48, as: UInt64.self).flatMap(Int.init(exactly:))
      else { throw malformed("directory", "a zip64 end record", "none") }
      (count, start) = (large, offset)
    }
    guard count <= Self.entryLimit else {
      throw malformed("directory", "at most \(Self.entryLimit) entries", "\(count)")
    }
    var entries: [String: Entry] = [:]
    var position = start
    for index in 0..<count {
      guard bytes.number(at: position, as: UInt32.self) == 0x0201_4b50, let fixed = bytes.part(position, 46) else {
        throw malformed("directory", "entry \(index + 1) of \(count) at byte \(position)", "different bytes")
      }
      let flags = fixed.number(at: 8, as: UInt16.self) ?? 0
      let method = fixed.number(at: 10, as: UInt16.self) ?? 0
      let nameLength = Int(fixed.number(at: 28, as: UInt16.self) ?? 0)
      let extraLength = Int(fixed.number(at: 30, as: UInt16.self) ?? 0)
      let commentLength = Int(fixed.number(at: 32, as: UInt16.self) ?? 0)
      guard let nameBytes = bytes.part(position + 46, nameLength),
        let name = String(validating: nameBytes, as: UTF8.self),
        let extra = bytes.part(position + 46 + nameLength, extraLength)
      else {
        throw malformed(
          "directory", "the name of entry \(index + 1)", "the end of the file or a different encoding")
      }
      guard flags & 1 == 0, method == 0 || method == 8 else {
        throw CheckpointError.unsupported(
          path: path, what: "zip entry '\(name)', \(flags & 1 == 0 ? "compressed by method \(method)" : "encrypted")",
          supported: "uncompressed entries, as torch.save writes them, and deflated ones")
      }
      // Deflate makes data about 1030 times smaller at most, so a much greater ratio is a damaged size.
      guard let sizes = Self.sizes(fixed, extra),
        method == 0 ? sizes.packed == sizes.plain : sizes.plain / 1100 <= sizes.packed
      else { throw malformed("entry '\(name)'", "sizes and an offset that fit each other and the file", "others") }
      guard bytes.number(at: sizes.offset, as: UInt32.self) == 0x0403_4b50,
        let localName = bytes.number(at: sizes.offset + 26, as: UInt16.self),
        let localExtra = bytes.number(at: sizes.offset + 28, as: UInt16.self)
      else { throw malformed("entry '\(name)'", "a header at byte \(sizes.offset)", "none") }
      let data = sizes.offset + 30 + Int(localName) + Int(localExtra)
      guard bytes.part(data, sizes.packed) != nil else {
        throw malformed("entry '\(name)'", "\(sizes.packed) bytes at \(data)", "a file of \(bytes.count)")
      }
      let entry = Entry(range: data..<data + sizes.packed, count: sizes.plain, isDeflated: method == 8)
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw malformed("directory", "each name once", "'\(name)' twice")
      }
      position += 46 + nameLength + extraLength + commentLength
    }
    (self.entries, self.path) = (entries, path)
  }

  /// The bytes of an entry after decompression.
  /// - Throws: ``CheckpointError/malformed(path:place:expected:found:)`` for damaged compressed data.
  func contents(of name: String, _ entry: Entry, in bytes: UnsafeRawBufferPointer) throws -> [UInt8] {
    let packed = UnsafeRawBufferPointer(rebasing: bytes[entry.range])
    guard entry.isDeflated else { return Array(packed) }
    guard let plain = inflated(packed, .raw, count: entry.count) else {
      throw CheckpointError.malformed(
        path: path, place: "zip entry '\(name)'", expected: "data that decompresses to \(entry.count) bytes",
        found: "damaged data")
    }
    return plain
  }

  /// For error messages: what an archive without weights contains, and what the user can do.
  var meaning: String {
    let names = entries.keys.sorted()
    if names.isEmpty { return "an empty zip; download it again" }
    if names.allSatisfy({ $0.hasSuffix(".npy") }) {
      return "NumPy arrays (.npz: \(names.prefix(3).joined(separator: ", "))); save them as safetensors"
    }
    if names.contains("[Content_Types].xml") || names.contains("mimetype") {
      return "an office document; choose another file"
    }
    let weights = names.first { name in ["safetensors", "bin", "pt", "ckpt"].contains { name.hasSuffix(".\($0)") } }
    if let weights { return "a zip of other files, among them \(weights); unpack it, and open the unpacked files" }
    return
      "a zip of other files (\(names.prefix(3).joined(separator: ", "))); choose a file that torch.save has written"
  }

  /// The offset of the end record, the last signature of one among the places where it can begin: only a comment of at
  /// most 65535 bytes may follow it. nil if there is none.
  private static func endRecord(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var position = bytes.count - 22
    let last = max(0, position - 0xffff)
    while position >= last {
      if bytes.number(at: position, as: UInt32.self) == 0x0605_4b50 { return position }
      position -= 1
    }
    return nil
  }

  /// Sizes and offset of an entry; nil if they are too large. A number whose 32-bit field is all ones is read from the
  /// entry's zip64 field.
  private static func sizes(
    _ fixed: UnsafeRawBufferPointer, _ extra: UnsafeRawBufferPointer
  ) -> (packed: Int, plain: Int, offset: Int)? {
    var packed = UInt64(fixed.number(at: 20, as: UInt32.self) ?? 0)
    var plain = UInt64(fixed.number(at: 24, as: UInt32.self) ?? 0)
    var offset = UInt64(fixed.number(at: 42, as: UInt32.self) ?? 0)
    var position = 0
    while let id = extra.number(at: position, as: UInt16.self),
      let length = extra.number(at: position + 2, as: UInt16.self)
    {
      if id == 1 {
        var field = position + 4
        func take(_ value: inout UInt64) {
          guard value == 0xffff_ffff, field + 8 <= position + 4 + Int(length),
            let large = extra.number(at: field, as: UInt64.self)
          else { return }
          value = large
          field += 8
        }
        take(&plain)
        take(&packed)
        take(&offset)
      }
      position += 4 + Int(length)
    }
    guard let packed = Int(exactly: packed), let plain = Int(exactly: plain), let offset = Int(exactly: offset),
      offset < Int.max / 2
    else { return nil }
    return (packed, plain, offset)
  }
}
