import CGD
import Tensors

/// Formats that libgd decodes. Where libgd's result would differ from Pillow's, the file is changed before decoding, or
/// the result afterwards.
extension DecodedImage {
  static func jpeg(_ bytes: [UInt8], _ header: ImageHeader, _ name: String) throws -> DecodedImage {
    guard JPEGFrame.isWhole(bytes) else { throw header.damaged(name, "no end marker; it is cut off") }
    return try GDPicture(header, name) {
      gdImageCreateFromJpegPtrEx($0, $1, 0)
    } from: {
      JPEGFrame.markedAsAdobe(bytes)
    }.decoded
  }

  static func webp(_ bytes: [UInt8], _ header: ImageHeader, _ name: String) throws -> DecodedImage {
    let chunks = WebPChunks(bytes)
    let count = chunks.count("ANMF")
    guard count == 0 else {
      throw ImageError.notRead(
        name: name, found: "an animated WebP file of \(count) \(count == 1 ? "picture" : "pictures")",
        remedy: "save one of its pictures as PNG or JPEG")
    }
    return try GDPicture(header, name, hasAlpha: true) {
      gdImageCreateFromWebpPtr($0, $1)
    } from: {
      bytes
    }.decoded
  }

  /// The first picture of a GIF file on the whole canvas. Around the picture, the canvas has the transparent colour or,
  /// if there is none, the first colour of the palette, as in Pillow.
  static func gif(_ bytes: [UInt8], _ header: ImageHeader, _ name: String) throws -> DecodedImage {
    guard let frame = GIFFrame(bytes) else {
      throw header.damaged(name, "an end within the first image; it is cut off")
    }
    let picture = try GDPicture(
      ImageHeader(.gif, width: frame.width, height: frame.height), name, hasPalette: true
    ) {
      gdImageCreateFromGifPtr($0, $1)
    } from: {
      frame.fittingScreen(bytes)
    }
    guard let drawn = picture.indices else { throw header.damaged(name, "no palette") }
    let around = UInt8(frame.transparent ?? 0)
    var indices = [UInt8](repeating: around, count: header.width * header.height)
    for y in 0..<frame.height {
      let start = (frame.top + y) * header.width + frame.left
      indices.replaceSubrange(start..<start + frame.width, with: drawn[y * frame.width..<(y + 1) * frame.width])
    }
    let pixels = indices.flatMap { picture.palette[3 * Int($0)..<3 * Int($0) + 3] }
    return DecodedImage(
      image: PixelImage(width: header.width, height: header.height, pixels: pixels),
      alpha: frame.transparent.map { transparent in indices.map { Int($0) == transparent ? 0 : 255 } },
      indices: indices)
  }
}

/// A picture as libgd decodes it.
private struct GDPicture {
  let image: PixelImage
  let alpha: [UInt8]?
  let indices: [UInt8]?
  /// Red, green and blue of all 256 palette entries; empty without a palette.
  let palette: [UInt8]

  var decoded: DecodedImage { DecodedImage(image: image, alpha: alpha, indices: indices) }

  /// - Parameters:
  ///   - hasPalette: Whether the file has a palette. libgd also creates palettes for grey images that have none.
  ///   - hasAlpha: Whether the file has an alpha channel.
  init(
    _ header: ImageHeader, _ name: String, hasPalette: Bool = false, hasAlpha: Bool = false,
    _ decode: (Int32, UnsafeMutableRawPointer?) -> gdImagePtr?, from bytes: () -> [UInt8]
  ) throws {
    var copy = bytes()
    let (found, remark) = GDMessages.collected {
      copy.withUnsafeMutableBytes { decode(Int32($0.count), $0.baseAddress) }
    }
    guard let found else { throw header.damaged(name, remark.map { "damage (\($0))" } ?? "damage") }
    defer { gdImageDestroy(found) }
    // Stray bytes between two segments are common and harmless.
    if header.format == .jpeg, let remark, !remark.contains("extraneous bytes") {
      throw header.damaged(name, "damage (\(remark))")
    }
    let (width, height) = (Int(found.pointee.sx), Int(found.pointee.sy))
    guard (width, height) == (header.width, header.height) else {
      throw header.damaged(name, "\(header.width)×\(header.height) in the header, \(width)×\(height) inside")
    }
    image = PixelImage(gd: found)
    palette = found.pointee.trueColor == 0 ? PixelImage.palette(found) : []
    indices = hasPalette && found.pointee.trueColor == 0 ? Self.indices(found) : nil
    alpha = hasAlpha && found.pointee.trueColor != 0 ? Self.alpha(found) : nil
  }

  private static func indices(_ image: gdImagePtr) -> [UInt8] {
    (0..<Int(image.pointee.sy)).flatMap { y in
      Array(UnsafeBufferPointer(start: image.pointee.pixels[y], count: Int(image.pointee.sx)))
    }
  }

  /// libgd stores seven bits, in which 0 is opaque and 127 is transparent.
  private static func alpha(_ image: gdImagePtr) -> [UInt8] {
    (0..<Int(image.pointee.sy)).flatMap { y in
      UnsafeBufferPointer(start: image.pointee.tpixels[y], count: Int(image.pointee.sx)).map { pixel in
        let opacity = 127 - UInt8(truncatingIfNeeded: pixel >> 24 & 127)
        return opacity << 1 | opacity >> 6
      }
    }
  }
}

extension PixelImage {
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
  fileprivate static func palette(_ image: gdImagePtr) -> [UInt8] {
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
