internal import CFreeType
import Foundation

/// The colour bitmaps of a font, read through FreeType: 136×128 pixels per glyph in Noto Color Emoji.
struct EmojiFont {
  /// The paths at which Debian and its derivatives, Fedora and Arch install the font.
  static let usualPaths = [
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf", "/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf", "/usr/share/fonts/noto/NotoColorEmoji.ttf",
  ]

  /// Reads one premultiplied bitmap per code point.
  /// - Parameter font: the font's file; if nil, the first readable file of ``usualPaths``.
  /// - Throws: ``TrainingDataError/font(path:expected:found:)``.
  static func bitmaps(of scalars: [Unicode.Scalar], font: URL?) throws -> [Bitmap] {
    let path = try font?.path ?? found()
    func refused(_ expected: String, _ found: String) -> TrainingDataError {
      .font(path: path, expected: expected, found: found)
    }
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw refused("a font with colour bitmaps", "no readable file")
    }
    var library: FT_Library?
    guard FT_Init_FreeType(&library) == 0 else { throw refused("FreeType to start", "an error in FreeType") }
    defer { FT_Done_FreeType(library) }
    var opened: FT_Face?
    let status = FT_New_Face(library, path, 0, &opened)
    guard status == 0, let face = opened else {
      throw refused("a font with colour bitmaps", "a file that FreeType cannot read (error \(status))")
    }
    defer { FT_Done_Face(face) }
    guard face.pointee.num_fixed_sizes > 0, FT_Select_Size(face, 0) == 0 else {
      throw refused("a font with colour bitmaps", "a font with outlines only")
    }
    return try scalars.map { scalar in
      let glyph = FT_Get_Char_Index(face, FT_ULong(scalar.value))
      guard glyph != 0 else {
        throw refused("a glyph for \(scalar) (\(scalar.name))", "none; the font may be outdated")
      }
      guard FT_Load_Glyph(face, glyph, freetype_load_color()) == 0, let slot = face.pointee.glyph,
        let bitmap = Bitmap(slot.pointee.bitmap)
      else { throw refused("a colour bitmap for \(scalar) (\(scalar.name))", "none that can be read") }
      return bitmap
    }
  }

  private static func found() throws -> String {
    for path in usualPaths where FileManager.default.isReadableFile(atPath: path) { return path }
    throw TrainingDataError.font(
      path: usualPaths[0], expected: "the font Noto Color Emoji", found: "none here or in the other usual folders")
  }
}

/// Premultiplied red, green, blue and alpha, 0…1, row by row.
struct Bitmap {
  var width: Int
  var height: Int
  var pixels: [SIMD4<Float>]

  init(width: Int, height: Int, pixels: [SIMD4<Float>]) {
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// Returns nil for a bitmap without colours.
  fileprivate init?(_ bitmap: FT_Bitmap) {
    guard bitmap.pixel_mode == UInt8(FT_PIXEL_MODE_BGRA.rawValue), let buffer = bitmap.buffer, bitmap.width > 0,
      bitmap.rows > 0, bitmap.pitch >= 4 * Int32(bitmap.width)
    else { return nil }
    (width, height, pixels) = (Int(bitmap.width), Int(bitmap.rows), [])
    pixels.reserveCapacity(width * height)
    for y in 0..<height {
      for x in 0..<width {
        let bytes = buffer + y * Int(bitmap.pitch) + 4 * x
        pixels.append(SIMD4(Float(bytes[2]), Float(bytes[1]), Float(bytes[0]), Float(bytes[3])) / 255)
      }
    }
  }

  /// The bitmap without empty rows and columns at the edges.
  func trimmed() -> Bitmap {
    var (left, right, top, bottom) = (width, -1, height, -1)
    for y in 0..<height {
      for x in 0..<width where pixels[y * width + x].w > 0.03 {
        (left, right, top, bottom) = (min(left, x), max(right, x), min(top, y), max(bottom, y))
      }
    }
    guard right >= left else { return Bitmap(width: 1, height: 1, pixels: [.zero]) }
    let (newWidth, newHeight) = (right - left + 1, bottom - top + 1)
    let rows = (top...bottom).flatMap { y in pixels[y * width + left...y * width + right] }
    return Bitmap(width: newWidth, height: newHeight, pixels: rows)
  }

  /// The bitmap at half the size: each pixel is the mean of four. An odd side is first padded with transparent pixels.
  func halved() -> Bitmap {
    let (newWidth, newHeight) = ((width + 1) / 2, (height + 1) / 2)
    var result = [SIMD4<Float>](repeating: .zero, count: newWidth * newHeight)
    for y in 0..<height {
      for x in 0..<width { result[y / 2 * newWidth + x / 2] += pixels[y * width + x] / 4 }
    }
    return Bitmap(width: newWidth, height: newHeight, pixels: result)
  }

  /// The mean difference between the largest and the smallest colour channel, weighted by alpha; 0 for greys.
  var chroma: Float {
    var (sum, weight): (Float, Float) = (0, 0)
    for pixel in pixels {
      sum += max(pixel.x, pixel.y, pixel.z) - min(pixel.x, pixel.y, pixel.z)
      weight += pixel.w
    }
    return weight > 0 ? sum / weight : 0
  }
}

extension Unicode.Scalar {
  /// Its name in the Unicode standard, or its code point.
  fileprivate var name: String { properties.name ?? "U+" + String(value, radix: 16, uppercase: true) }
}
