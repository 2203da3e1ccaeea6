import CGD
import Foundation

extension PixelImage {
  /// Reads a PNG, JPEG, GIF, WebP or BMP file, told by its contents; an alpha channel is dropped, not composited.
  /// - Throws: ``ImageError``.
  public init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ImageError.file(path: path, reason: "expected an image file, found none that can be read")
    }
    try self.init(decoding: [UInt8](data), name: path)
  }

  /// Decodes the contents of an image file.
  /// - Parameter name: What messages call it.
  /// - Throws: ``ImageError``.
  public init(decoding bytes: [UInt8], name: String) throws {
    let header = try ImageHeader(bytes, name: name)
    silenceGD()
    var copy = header.format == .png ? Self.withoutProfile(bytes) : bytes
    let decoded = copy.withUnsafeMutableBytes { buffer -> gdImagePtr? in
      let (size, base) = (Int32(buffer.count), buffer.baseAddress)
      return switch header.format {
      case .png: gdImageCreateFromPngPtr(size, base)
      case .jpeg: gdImageCreateFromJpegPtr(size, base)
      case .gif: gdImageCreateFromGifPtr(size, base)
      case .webp: gdImageCreateFromWebpPtr(size, base)
      case .bmp: gdImageCreateFromBmpPtr(size, base)
      }
    }
    guard let decoded else {
      throw ImageError.broken(
        name: name, expected: "a whole \(header.format.rawValue) image",
        found: "one that cannot be decoded; it is damaged or cut off")
    }
    defer { gdImageDestroy(decoded) }
    self.init(gd: decoded)
  }

  /// A PNG file without its colour profile, about which libpng may print remarks, and which changes no pixel here.
  private static func withoutProfile(_ bytes: [UInt8]) -> [UInt8] {
    var result = Array(bytes.prefix(8))
    var position = 8
    while position + 12 <= bytes.count {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = min(position + 12 + length, bytes.count)
      if !bytes[position + 4..<position + 8].elementsEqual("iCCP".utf8) { result += bytes[position..<end] }
      position = end
    }
    return result + bytes[position...]
  }

  /// The pixels of a drawing.
  package init(gd image: gdImagePtr) {
    let (width, height) = (Int(image.pointee.sx), Int(image.pointee.sy))
    if image.pointee.trueColor == 0 { gdImagePaletteToTrueColor(image) }
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { bytes, count in
      for y in 0..<height {
        guard let row = image.pointee.tpixels[y] else { continue }
        for x in 0..<width {
          let place = 3 * (y * width + x)
          bytes[place] = UInt8(truncatingIfNeeded: row[x] >> 16)
          bytes[place + 1] = UInt8(truncatingIfNeeded: row[x] >> 8)
          bytes[place + 2] = UInt8(truncatingIfNeeded: row[x])
        }
      }
      count = 3 * width * height
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// The image as a libgd drawing, which the caller destroys.
  package func gdImage() -> gdImagePtr? {
    guard let image = gdImageCreateTrueColor(Int32(width), Int32(height)) else { return nil }
    for y in 0..<height {
      guard let row = image.pointee.tpixels[y] else { continue }
      for x in 0..<width {
        let place = 3 * (y * width + x)
        row[x] = Int32(pixels[place]) << 16 | Int32(pixels[place + 1]) << 8 | Int32(pixels[place + 2])
      }
    }
    return image
  }

  /// The image as a PNG file's contents.
  public func pngBytes() -> [UInt8] { encoded { gdImagePngPtrEx($0, $1, 6) } }

  /// The image as a JPEG file's contents.
  /// - Parameter quality: 1…100.
  public func jpegBytes(quality: Int = 92) -> [UInt8] { encoded { gdImageJpegPtr($0, $1, Int32(quality)) } }

  /// Writes a `.png` or `.jpg` file, whole or not at all.
  /// - Throws: ``ImageError/file(path:reason:)``.
  public func write(_ path: String) throws {
    switch (path as NSString).pathExtension.lowercased() {
    case "png": try writeWhole(pngBytes(), to: path)
    case "jpg", "jpeg": try writeWhole(jpegBytes(), to: path)
    case let other: throw ImageError.file(path: path, reason: "expected the ending .png or .jpg, found '.\(other)'")
    }
  }

  private func encoded(_ encode: (gdImagePtr?, UnsafeMutablePointer<Int32>?) -> UnsafeMutableRawPointer?) -> [UInt8] {
    let image = gdImage()
    defer { gdImageDestroy(image) }
    return gdBytes { encode(image, $0) }
  }
}

/// The bytes that a libgd function allocates and returns.
func gdBytes(_ make: (UnsafeMutablePointer<Int32>?) -> UnsafeMutableRawPointer?) -> [UInt8] {
  var size: Int32 = 0
  guard let memory = make(&size) else { return [] }
  defer { gdFree(memory) }
  return [UInt8](UnsafeRawBufferPointer(start: memory, count: Int(size)))
}

/// Writes a file whole or not at all.
/// - Throws: ``ImageError/file(path:reason:)``.
func writeWhole(_ bytes: [UInt8], to path: String) throws {
  guard !bytes.isEmpty else { throw ImageError.file(path: path, reason: "the image could not be encoded") }
  do {
    try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
  } catch {
    throw ImageError.file(path: path, reason: "cannot be written: \(error.localizedDescription)")
  }
}

/// Keeps libgd from printing: what is wrong is thrown.
func silenceGD() { _ = gdIsSilent }

private let gdIsSilent: Bool = {
  gdSetErrorMethod { _, _, _ in }
  return true
}()
