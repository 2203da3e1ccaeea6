/// Format and size of an image file, read from its first bytes before anything is decoded.
struct ImageHeader {
  enum Format: String, CaseIterable {
    case png = "PNG"
    case jpeg = "JPEG"
    case gif = "GIF"
    case webp = "WebP"
    case bmp = "BMP"
  }

  let format: Format
  let width: Int
  let height: Int

  /// Most pixels that are decoded.
  static let pixelLimit = 100_000_000

  /// - Throws: ``ImageError``.
  init(_ bytes: [UInt8], name: String) throws {
    guard let format = Self.format(bytes) else {
      let start = bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: " ")
      throw ImageError.broken(
        name: name, expected: "a \(Format.allCases.map(\.rawValue).joined(separator: ", ")) image",
        found: bytes.isEmpty ? "an empty file" : "bytes \(start)")
    }
    guard let size = Self.size(bytes, format), size.width > 0, size.height > 0 else {
      throw ImageError.broken(
        name: name, expected: "a \(format.rawValue) header with a size", found: "none; the file is cut off or damaged")
    }
    (self.format, width, height) = (format, size.width, size.height)
    guard width <= 32768, height <= 32768, width * height <= Self.pixelLimit else {
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

  private static func size(_ bytes: [UInt8], _ format: Format) -> (width: Int, height: Int)? {
    func large(_ start: Int, _ count: Int) -> Int? {
      start >= 0 && start + count <= bytes.count ? bytes[start..<start + count].reduce(0) { $0 << 8 | Int($1) } : nil
    }
    func small(_ start: Int, _ count: Int) -> Int? {
      start + count <= bytes.count ? bytes[start..<start + count].reversed().reduce(0) { $0 << 8 | Int($1) } : nil
    }
    func pair(_ width: Int?, _ height: Int?) -> (width: Int, height: Int)? {
      guard let width, let height else { return nil }
      return (width, height)
    }
    switch format {
    case .png: return pair(large(16, 4), large(20, 4))
    case .gif: return pair(small(6, 2), small(8, 2))
    case .bmp: return pair(small(18, 4), small(22, 4).map { $0 > 1 << 31 ? 1 << 32 - $0 : $0 })
    case .webp:
      switch bytes.dropFirst(12).prefix(4).map({ Character(Unicode.Scalar($0)) }) {
      case ["V", "P", "8", " "]: return pair(small(26, 2).map { $0 & 0x3fff }, small(28, 2).map { $0 & 0x3fff })
      case ["V", "P", "8", "L"]:
        return pair(small(21, 4).map { $0 & 0x3fff + 1 }, small(21, 4).map { $0 >> 14 & 0x3fff + 1 })
      default: return pair(small(24, 3).map { $0 + 1 }, small(27, 3).map { $0 + 1 })
      }
    case .jpeg:
      // Segments follow each other until the frame header, which holds the size.
      var position = 2
      while let marker = large(position, 2), let length = large(position + 2, 2) {
        if marker == 0xffff {
          position += 1
          continue
        }
        guard marker >> 8 == 0xff, length >= 2 else { return nil }
        if (0xc0...0xcf).contains(marker & 0xff), ![0xc4, 0xc8, 0xcc].contains(marker & 0xff) {
          return pair(large(position + 7, 2), large(position + 5, 2))
        }
        position += 2 + length
      }
      return nil
    }
  }
}
