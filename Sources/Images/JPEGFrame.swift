/// What a JPEG file's frame header says (ITU-T T.81, B.2.2), and whether the file is one that can be decoded in
/// bounded time.
struct JPEGFrame {
  let width: Int
  let height: Int

  /// Most passes over the image that are decoded; cameras and converters write about ten.
  static let scanLimit = 100

  /// nil where the file ends, or makes no sense, before its frame header.
  /// - Throws: ``ImageError/broken(name:expected:found:)`` for kinds of JPEG that are not decoded.
  init?(_ bytes: [UInt8], name: String) throws {
    guard let start = Self.frameStart(bytes) else { return nil }
    guard let length = bytes.big(start + 2, 2), let precision = bytes.big(start + 4, 1),
      let height = bytes.big(start + 5, 2), let width = bytes.big(start + 7, 2), let count = bytes.big(start + 9, 1)
    else { return nil }
    func refuse(_ found: String) -> ImageError {
      .broken(name: name, expected: "a baseline or progressive JPEG of 8 bits a channel", found: found)
    }
    let kind = Int(bytes[start + 1])
    guard [0xc0, 0xc1, 0xc2, 0xc9, 0xca].contains(kind) else { throw refuse("a lossless or hierarchical one") }
    guard precision == 8 else { throw refuse("\(precision) bits") }
    guard [1, 3, 4].contains(count), length == 8 + 3 * count else { throw refuse("\(count) channels") }
    for channel in 0..<count {
      guard let sampling = bytes.big(start + 11 + 3 * channel, 1) else { return nil }
      guard (1...4).contains(sampling >> 4), (1...4).contains(sampling & 15) else {
        throw refuse("channel \(channel) sampled \(sampling >> 4)×\(sampling & 15)")
      }
    }
    let scans = Self.count(0xda, in: bytes, from: start)
    guard scans <= Self.scanLimit else { throw refuse("\(scans) scans, where \(Self.scanLimit) are the most") }
    (self.width, self.height) = (width, height)
  }

  /// Whether the mark that ends an image follows its frame header: where it is missing, the file was cut off.
  static func isWhole(_ bytes: [UInt8]) -> Bool {
    guard let start = frameStart(bytes) else { return false }
    return count(0xd9, in: bytes, from: start) > 0
  }

  /// Where the frame header's mark lies. Segments follow each other until there.
  private static func frameStart(_ bytes: [UInt8]) -> Int? {
    var position = 2
    while let mark = bytes.big(position, 2), let length = bytes.big(position + 2, 2) {
      if mark == 0xffff {
        position += 1
        continue
      }
      guard mark >> 8 == 0xff, length >= 2 else { return nil }
      if (0xc0...0xcf).contains(mark & 0xff), ![0xc4, 0xc8, 0xcc].contains(mark & 0xff) { return position }
      position += 2 + length
    }
    return nil
  }

  /// How often a mark occurs. In compressed data 255 is followed by 0 or a restart, so no other mark can be mistaken.
  private static func count(_ mark: UInt8, in bytes: [UInt8], from start: Int) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      var result = 0
      for position in start..<bytes.count - 1 where bytes[position] == 0xff && bytes[position + 1] == mark {
        result += 1
      }
      return result
    }
  }
}
