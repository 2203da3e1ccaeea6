/// A drawing at several sizes, ready to be sampled. Each level is half as large as the one before and has a transparent
/// border of one pixel, so that sampling needs no checks at the edges.
struct Sprite: Sendable {
  struct Level: Sendable {
    let width, height: Int
    /// (width + 2) · (height + 2) premultiplied pixels.
    let pixels: [SIMD4<Float>]
  }

  /// Size of the largest level in pixels.
  let width, height: Int
  let levels: [Level]
  /// How colourful the drawing is: see ``Bitmap/chroma``.
  let chroma: Float

  init(_ bitmap: Bitmap) {
    var bitmap = bitmap.trimmed()
    (width, height, chroma) = (bitmap.width, bitmap.height, bitmap.chroma)
    var levels: [Level] = []
    while true {
      levels.append(Level(bitmap))
      if max(bitmap.width, bitmap.height) <= 8 { break }
      bitmap = bitmap.halved()
    }
    self.levels = levels
  }

  var longerSide: Float { Float(max(width, height)) }
  /// Half of width and height, in units of the longer side.
  var halfExtent: SIMD2<Float> { SIMD2(Float(width), Float(height)) / (2 * longerSide) }
}

extension Sprite.Level {
  fileprivate init(_ bitmap: Bitmap) {
    (width, height) = (bitmap.width, bitmap.height)
    var padded = [SIMD4<Float>](repeating: .zero, count: (width + 2) * (height + 2))
    for y in 0..<height {
      let start = (y + 1) * (width + 2) + 1
      padded.replaceSubrange(start..<start + width, with: bitmap.pixels[y * width..<(y + 1) * width])
    }
    pixels = padded
  }
}
