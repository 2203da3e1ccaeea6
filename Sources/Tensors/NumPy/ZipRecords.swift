/// The records of a zip file whose entries are stored uncompressed (PKWARE's APPNOTE 6.3, section 4.3).
enum ZipRecords {
  static let localSignature: UInt32 = 0x0403_4b50
  static let centralSignature: UInt32 = 0x0201_4b50
  static let endSignature: UInt32 = 0x0605_4b50

  /// The part that both records of an entry share: version, flags, method, time, checksum, sizes and the lengths of name
  /// and extra field. The time is always the format's earliest, so that the same contents produce the same bytes.
  static func about(name: [UInt8], size: Int, checksum: UInt32) -> [UInt8] {
    let isPlain = name.allSatisfy { $0 < 0x80 }
    return littleEndian([20, isPlain ? 0 : 0x800, 0, 0, 0x21] as [UInt16])
      + littleEndian([checksum, UInt32(size), UInt32(size)]) + littleEndian([UInt16(name.count), 0])
  }

  /// The record before an entry's contents.
  static func local(_ about: [UInt8], name: [UInt8]) -> [UInt8] { littleEndian([localSignature]) + about + name }

  /// An entry of the directory: no comment, first disk, a binary file without attributes.
  static func central(_ about: [UInt8], name: [UInt8], offset: Int) -> [UInt8] {
    littleEndian([centralSignature]) + littleEndian([20] as [UInt16]) + about + littleEndian([0, 0, 0] as [UInt16])
      + littleEndian([0, UInt32(offset)]) + name
  }

  /// The record at the end of the file.
  static func end(count: Int, directory: Int, offset: Int) -> [UInt8] {
    littleEndian([endSignature]) + littleEndian([0, 0, UInt16(count), UInt16(count)])
      + littleEndian([UInt32(directory), UInt32(offset)]) + littleEndian([0] as [UInt16])
  }

  private static func littleEndian<Value: FixedWidthInteger>(_ values: [Value]) -> [UInt8] {
    values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
  }
}

/// The checksum of zip files: a cyclic redundancy check of 32 bits, polynomial 0xedb88320 with the lowest bit first.
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { rest, _ in rest >> 1 ^ (rest & 1 == 0 ? 0 : 0xedb8_8320) }
  }

  /// The checksum of several parts, one after another.
  static func of(_ parts: [UnsafeRawBufferPointer]) -> UInt32 {
    ~table.withUnsafeBufferPointer { table in
      parts.reduce(~0) { start, part in
        part.reduce(start) { rest, byte in rest >> 8 ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)] }
      }
    }
  }
}
