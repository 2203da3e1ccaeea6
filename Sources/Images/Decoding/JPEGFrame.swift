/// The frame header of a JPEG file (ITU-T T.81, B.2.2). Reading it also checks that the file can be decoded in bounded
/// time.
struct JPEGFrame {
  let width: Int
  let height: Int

  /// The most scans (passes over the image) that are decoded; cameras and converters write about ten.
  static let scanLimit = 100

  /// Finds and reads the frame header; nil if the file ends or is invalid before the header's end.
  /// - Throws: ``ImageError/broken(name:expected:found:)`` for kinds of JPEG that are not decoded.
  init?(_ bytes: [UInt8], name: String) throws {
    guard let start = Self.frameStart(bytes) else { return nil }
    guard let length = bytes.big(start + 2, 2), let precision = bytes.big(start + 4, 1),
      let height = bytes.big(start + 5, 2), let width = bytes.big(start + 7, 2), let count = bytes.big(start + 9, 1)
    else { return nil }
    func refuse(_ found: String) -> ImageError {
      .broken(
        name: name,
        expected: "a baseline or progressive JPEG of 8 bits per channel, with 1, 3 or 4 channels sampled 1×1 to 4×4",
        found: found)
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
    guard scans <= Self.scanLimit else { throw refuse("\(scans) scans, more than the limit of \(Self.scanLimit)") }
    (self.width, self.height) = (width, height)
  }

  /// Whether an end marker follows the frame header; if not, the file was cut off.
  static func isWhole(_ bytes: [UInt8]) -> Bool {
    guard let start = frameStart(bytes) else { return false }
    return count(0xd9, in: bytes, from: start) > 0
  }

  /// The segments before the compressed data, with marker and content; the last one is the header of the scan.
  static func segments(_ bytes: [UInt8]) -> [(marker: Int, content: Range<Int>)] {
    var (result, position) = ([(marker: Int, content: Range<Int>)](), 2)
    while let marker = bytes.big(position, 2), let length = bytes.big(position + 2, 2) {
      if marker == 0xffff {
        position += 1
        continue
      }
      guard marker >> 8 == 0xff, length >= 2, position + 2 + length <= bytes.count else { return result }
      result.append((marker & 0xff, position + 4..<position + 2 + length))
      if marker & 0xff == 0xda { return result }
      position += 2 + length
    }
    return result
  }

  /// The position of the frame header's marker, found by following the segments before it; nil if there is none.
  private static func frameStart(_ bytes: [UInt8]) -> Int? {
    segments(bytes).first { (0xc0...0xcf).contains($0.marker) && ![0xc4, 0xc8, 0xcc].contains($0.marker) }
      .map { $0.content.lowerBound - 4 }
  }

  /// The file; if it has four channels and no Adobe marker, with such a marker. Adobe's programs store four channels
  /// inverted. Pillow assumes this of every file, libgd only of files with the marker.
  static func markedAsAdobe(_ bytes: [UInt8]) -> [UInt8] {
    guard let start = frameStart(bytes), bytes.big(start + 9, 1) == 4 else { return bytes }
    let adobe = Array("Adobe".utf8)
    guard !segments(bytes).contains(where: { $0.marker == 0xee && bytes[$0.content].starts(with: adobe) }) else {
      return bytes
    }
    let marker: [UInt8] = [0xff, 0xee, 0, 14] + adobe + [0, 100, 0, 0, 0, 0, 0]
    return Array(bytes[..<2]) + marker + bytes[2...]
  }

  /// Counts how often a marker occurs. In compressed data, 255 is followed only by 0 or a restart code, so data is
  /// never taken for any other marker.
  private static func count(_ marker: UInt8, in bytes: [UInt8], from start: Int) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      var result = 0
      for position in start..<bytes.count - 1 where bytes[position] == 0xff && bytes[position + 1] == marker {
        result += 1
      }
      return result
    }
  }
}
