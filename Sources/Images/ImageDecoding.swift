import CGD
import Tensors

extension PixelImage {
  /// The largest file that is read, in bytes.
  static let byteLimit = 1 << 30

  /// Decodes the contents of a PNG, JPEG, WebP or BMP file, or the first image of a GIF file. The format is recognised
  /// by the first bytes. Red, green and blue are used as they are stored: alpha is dropped, not composited; gamma,
  /// colour profiles and the camera's orientation tag are ignored. Of 16 bits per channel, the upper 8 are kept. CMYK
  /// is converted without a profile.
  ///
  /// A damaged or cut-off file is refused, even if part of it could be decoded. Sizes are checked before anything
  /// is allocated: at most 100 million pixels in total, and 32768 per side.
  ///
  /// - Parameter name: The image's name in error messages.
  /// - Throws: ``ImageError`` if the bytes are not a whole image of such a format, or if the image is too large.
  public init(decoding bytes: [UInt8], name: String) throws {
    guard bytes.count <= Self.byteLimit else {
      throw ImageError.broken(name: name, expected: "at most \(Self.byteLimit) bytes", found: "\(bytes.count)")
    }
    let header = try ImageHeader(bytes, name: name)
    func damaged(_ found: String) -> ImageError {
      .broken(name: name, expected: "a whole \(header.format.rawValue) image", found: found)
    }
    if let found = Self.missingEnd(bytes, header.format) { throw damaged(found) }
    let (decoded, remark) = GDMessages.collected { Self.decoded(bytes, header.format) }
    guard let decoded else { throw damaged(remark.map { "damage (\($0))" } ?? "damage") }
    defer { gdImageDestroy(decoded) }
    // Stray bytes between two segments are common and harmless.
    if header.format == .jpeg, let remark, !remark.contains("extraneous bytes") { throw damaged("damage (\(remark))") }
    guard (Int(decoded.pointee.sx), Int(decoded.pointee.sy)) == (header.width, header.height) else {
      throw damaged(
        "\(header.width)×\(header.height) in the header, \(decoded.pointee.sx)×\(decoded.pointee.sy) inside")
    }
    self.init(gd: decoded)
  }

  private static func decoded(_ bytes: [UInt8], _ format: ImageHeader.Format) -> gdImagePtr? {
    var copy = format == .png ? criticalChunks(bytes) : bytes
    return copy.withUnsafeMutableBytes { buffer in
      let (size, base) = (Int32(buffer.count), buffer.baseAddress)
      return switch format {
      case .png: gdImageCreateFromPngPtr(size, base)
      case .jpeg: gdImageCreateFromJpegPtrEx(size, base, 0)
      case .gif: gdImageCreateFromGifPtr(size, base)
      case .webp: gdImageCreateFromWebpPtr(size, base)
      case .bmp: gdImageCreateFromBmpPtr(size, base)
      }
    }
  }

  /// What was found instead of the end, for the error message; nil if the file is not cut off. Only formats whose
  /// decoder would fill missing pixels with some colour are checked.
  private static func missingEnd(_ bytes: [UInt8], _ format: ImageHeader.Format) -> String? {
    switch format {
    case .jpeg: JPEGFrame.isWhole(bytes) ? nil : "no end marker; it is cut off"
    case .gif: holdsWholePicture(bytes) ? nil : "an end within the first image; it is cut off"
    case .png, .webp, .bmp: nil
    }
  }

  /// A PNG file reduced to its header, palette, pixels and end. The other chunks (profiles, text, transparency) change
  /// no pixel here, and libpng warns about some of them.
  private static func criticalChunks(_ bytes: [UInt8]) -> [UInt8] {
    var result = Array(bytes.prefix(8))
    result.reserveCapacity(bytes.count)
    var position = 8
    while position + 12 <= bytes.count, let length = bytes.big(position, 4) {
      let end = min(position + 12 + length, bytes.count)
      if bytes[position + 4] & 0x20 == 0 { result += bytes[position..<end] }
      position = end
    }
    return result + bytes[position...]
  }

  /// Whether a GIF file contains all blocks of its first image.
  private static func holdsWholePicture(_ bytes: [UInt8]) -> Bool {
    func paletteSize(_ flags: UInt8) -> Int { flags & 0x80 == 0 ? 0 : 3 << (Int(flags & 7) + 1) }
    /// The position after the blocks that begin at `start`; nil if the file ends before they do.
    func endOfBlocks(_ start: Int) -> Int? {
      var position = start
      while position < bytes.count {
        if bytes[position] == 0 { return position + 1 }
        position += 1 + Int(bytes[position])
      }
      return nil
    }
    guard bytes.count > 13 else { return false }
    var position = 13 + paletteSize(bytes[10])
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "!"):
        guard let end = endOfBlocks(position + 2) else { return false }
        position = end
      case UInt8(ascii: ","):
        guard position + 9 < bytes.count else { return false }
        return endOfBlocks(position + 11 + paletteSize(bytes[position + 9])) != nil
      case UInt8(ascii: ";"): return false
      default: position += 1
      }
    }
    return false
  }

  /// The pixels of a libgd image, without its alpha channel.
  package init(gd image: gdImagePtr) {
    let (width, height) = (Int(image.pointee.sx), Int(image.pointee.sy))
    let palette = image.pointee.trueColor == 0 ? Self.palette(image) : []
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { bytes, count in
      for y in 0..<height {
        let start = 3 * y * width
        if palette.isEmpty {
          guard let row = image.pointee.tpixels[y] else { fail("PixelImage: a drawing without row \(y)") }
          for x in 0..<width {
            bytes[start + 3 * x] = UInt8(truncatingIfNeeded: row[x] >> 16)
            bytes[start + 3 * x + 1] = UInt8(truncatingIfNeeded: row[x] >> 8)
            bytes[start + 3 * x + 2] = UInt8(truncatingIfNeeded: row[x])
          }
        } else {
          guard let row = image.pointee.pixels[y] else { fail("PixelImage: a drawing without row \(y)") }
          for x in 0..<width {
            for channel in 0..<3 { bytes[start + 3 * x + channel] = palette[3 * Int(row[x]) + channel] }
          }
        }
      }
      count = 3 * width * height
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// Red, green and blue of all 256 palette entries.
  private static func palette(_ image: gdImagePtr) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: 3 * 256)
    for (channel, entries) in [
      withUnsafeBytes(of: image.pointee.red, { Array($0.bindMemory(to: Int32.self)) }),
      withUnsafeBytes(of: image.pointee.green, { Array($0.bindMemory(to: Int32.self)) }),
      withUnsafeBytes(of: image.pointee.blue, { Array($0.bindMemory(to: Int32.self)) }),
    ].enumerated() {
      for (index, value) in entries.enumerated() { result[3 * index + channel] = UInt8(truncatingIfNeeded: value) }
    }
    return result
  }
}
