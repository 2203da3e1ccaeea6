import Deflate
import Testing

/// Data that Python's zlib compressed.
@Suite struct InflateTests {
  private static let text = Array(String(repeating: "a fox and a car on the beach, ", count: 40).utf8)
  /// The text with a header and a checksum.
  private static let packed: [UInt8] = [
    120, 156, 75, 84, 72, 203, 175, 80, 72, 204, 75, 81, 72, 84, 72, 78, 44, 82, 200, 207, 83, 40, 201, 72, 85, 72,
    74, 77, 76, 206, 208, 1, 138, 141, 202, 142, 202, 142, 202, 142, 202, 14, 22, 89, 0, 92, 137, 132, 88,
  ]
  /// Ten bytes, stored as they are.
  private static let stored: [UInt8] = [1, 10, 0, 245, 255, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

  private func inflated(_ data: [UInt8], _ format: DeflateFormat, count: Int) -> [UInt8]? {
    data.withUnsafeBytes { Deflate.inflated($0, format, count: count) }
  }

  @Test func wholeDataIsDecompressed() {
    #expect(inflated(Self.packed, .zlib, count: Self.text.count) == Self.text)
    #expect(inflated(Array(Self.packed.dropFirst(2).dropLast(4)), .raw, count: Self.text.count) == Self.text)
    #expect(inflated(Self.stored, .raw, count: 10) == Array(0..<10))
    #expect(inflated([1, 0, 0, 255, 255], .raw, count: 0) == [])
  }

  @Test func otherCountsAndFormatsAreRefused() {
    for count in [0, 1, Self.text.count - 1, Self.text.count + 1, 1 << 20, 1 << 40, .max, -1] {
      #expect(inflated(Self.packed, .zlib, count: count) == nil)
    }
    #expect(inflated(Self.packed, .raw, count: Self.text.count) == nil)
    #expect(inflated(Self.stored, .zlib, count: 10) == nil)
    #expect(inflated([], .raw, count: 0) == nil)
  }

  /// With `mayGoOn`, the first bytes are enough, whatever follows.
  @Test func theFirstBytesAreEnoughIfDataMayGoOn() {
    func first(_ data: [UInt8], _ count: Int) -> [UInt8]? {
      data.withUnsafeBytes { Deflate.inflated($0, .zlib, count: count, mayGoOn: true) }
    }
    #expect(first(Self.packed, 100) == Array(Self.text.prefix(100)))
    #expect(first(Array(Self.packed.dropLast(4)), Self.text.count) == Self.text)
    #expect(first(Self.packed, Self.text.count + 1) == nil)
    #expect(first(Array(Self.packed.prefix(8)), 100) == nil)
  }

  /// Data with a changed byte, or cut off at any byte, is refused or decompresses to the same text: some bits have no
  /// meaning.
  @Test func damagedDataIsNeverAnotherText() {
    for index in Self.packed.indices {
      var damaged = Self.packed
      damaged[index] ^= 0x55
      let result = inflated(damaged, .zlib, count: Self.text.count)
      #expect(result == nil || result == Self.text)
      #expect(inflated(Array(Self.packed[..<index]), .zlib, count: Self.text.count) == nil)
    }
  }
}
