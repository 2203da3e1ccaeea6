/// Format and size of an image file, read from its first bytes before anything is decoded.
package struct ImageHeader {
  enum Format: String, CaseIterable {
    case png = "PNG"
    case jpeg = "JPEG"
    case gif = "GIF"
    case webp = "WebP"
    case bmp = "BMP"
  }

  let format: Format
  package let width: Int
  package let height: Int

  /// The most pixels that a decoded image may have in total.
  static let pixelLimit = 100_000_000
  /// The most pixels that a decoded image may have per side.
  static let sideLimit = 32768

  init(_ format: Format, width: Int, height: Int) {
    (self.format, self.width, self.height) = (format, width, height)
  }

  /// - Throws: ``ImageError``.
  package init(_ bytes: [UInt8], name: String) throws {
    guard let format = Self.format(bytes) else {
      if let other = OtherFile(bytes) {
        throw ImageError.notRead(name: name, found: other.description, remedy: other.remedy)
      }
      let start = bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: " ")
      throw ImageError.broken(
        name: name, expected: "an image of format \(Format.allCases.map(\.rawValue).joined(separator: " or "))",
        found: bytes.isEmpty ? "an empty file" : "bytes \(start)")
    }
    if format == .png, bytes.big(12, 4) == 0x4367_4249 {
      throw ImageError.notRead(
        name: name, found: "a PNG in the form that Apple's build tools make", remedy: "save it again as PNG or JPEG")
    }
    let size =
      switch format {
      case .png: Self.pngSize(bytes)
      case .gif: GIFFrame(bytes)?.canvas ?? Self.pair(bytes.little(6, 2), bytes.little(8, 2))
      case .bmp: Self.bmpSize(bytes)
      case .webp: Self.webpSize(bytes)
      case .jpeg: try JPEGFrame(bytes, name: name).map { ($0.width, $0.height) }
      }
    guard let size, size.0 > 0, size.1 > 0 else {
      throw ImageError.broken(
        name: name, expected: "a \(format.rawValue) header with a size", found: "none; the file is cut off or damaged")
    }
    (self.format, width, height) = (format, size.0, size.1)
    guard width <= Self.sideLimit, height <= Self.sideLimit, width * height <= Self.pixelLimit else {
      throw ImageError.tooLarge(name: name, width: width, height: height, limit: Self.pixelLimit)
    }
  }

  private static func format(_ bytes: [UInt8]) -> Format? {
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) { return .png }
    if bytes.starts(with: [0xff, 0xd8, 0xff]) { return .jpeg }
    if bytes.starts(with: Array("GIF8".utf8)) { return .gif }
    if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) { return .webp }
    if bytes.starts(with: Array("BM".utf8)) { return .bmp }
    return nil
  }

  private static func pair(_ width: Int?, _ height: Int?) -> (Int, Int)? {
    guard let width, let height else { return nil }
    return (width, height)
  }

  /// The first chunk, of 13 bytes, starts with the size.
  private static func pngSize(_ bytes: [UInt8]) -> (Int, Int)? {
    guard bytes.big(8, 4) == 13, bytes.big(12, 4) == 0x4948_4452 else { return nil }
    return pair(bytes.big(16, 4), bytes.big(20, 4))
  }

  /// Two bytes per side in the header of 12 bytes, four in all later ones. A negative height means that rows are stored
  /// from top to bottom.
  private static func bmpSize(_ bytes: [UInt8]) -> (Int, Int)? {
    if bytes.little(14, 4) == 12 { return pair(bytes.little(18, 2), bytes.little(20, 2)) }
    return pair(bytes.little(18, 4), bytes.little(22, 4).map { $0 > 1 << 31 ? 1 << 32 - $0 : $0 })
  }

  /// Lossy, lossless and extended files store their size differently.
  private static func webpSize(_ bytes: [UInt8]) -> (Int, Int)? {
    switch bytes.big(12, 4) {
    case 0x5650_3820: pair(bytes.little(26, 2).map { $0 & 0x3fff }, bytes.little(28, 2).map { $0 & 0x3fff })
    case 0x5650_384c: bytes.little(21, 4).map { ($0 & 0x3fff + 1, $0 >> 14 & 0x3fff + 1) }
    case 0x5650_3858: pair(bytes.little(24, 3).map { $0 + 1 }, bytes.little(27, 3).map { $0 + 1 })
    default: nil
    }
  }
}

extension [UInt8] {
  /// The number in `count` bytes from `start`, most significant first; nil if they extend beyond the end.
  func big(_ start: Int, _ count: Int) -> Int? {
    start >= 0 && start + count <= self.count ? self[start..<start + count].reduce(0) { $0 << 8 | Int($1) } : nil
  }

  /// The number in `count` bytes from `start`, least significant first; nil if they extend beyond the end.
  func little(_ start: Int, _ count: Int) -> Int? {
    start >= 0 && start + count <= self.count
      ? self[start..<start + count].reversed().reduce(0) { $0 << 8 | Int($1) } : nil
  }
}
