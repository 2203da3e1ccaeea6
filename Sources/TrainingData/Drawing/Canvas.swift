import Tensors

/// A square image to draw on: opaque colours in 0…1, four numbers per pixel. Coordinates are fractions of the side,
/// from the left and the top.
final class Canvas {
  let side: Int
  let pixels: UnsafeMutablePointer<Color>

  init(side: Int, color: Color = .zero) {
    guard side > 0 else { fail("Canvas: expected at least 1 pixel per side, found \(side)") }
    self.side = side
    pixels = .allocate(capacity: side * side)
    pixels.initialize(repeating: color, count: side * side)
  }

  deinit { pixels.deallocate() }

  /// Sets each pixel to a function of its centre.
  @inline(__always) func fill(_ color: (_ x: Float, _ y: Float) -> Color) {
    fill(rows: 0..<side) { x, y, _ in color(x, y) }
  }

  /// Sets each pixel of some rows to a function of its centre and its old colour.
  @inline(__always) func fill(rows: Range<Int>, _ color: (_ x: Float, _ y: Float, _ old: Color) -> Color) {
    let scale = 1 / Float(side)
    for row in rows.clamped(to: 0..<side) {
      let y = (Float(row) + 0.5) * scale
      for column in 0..<side {
        let index = row * side + column
        pixels[index] = color((Float(column) + 0.5) * scale, y, pixels[index])
      }
    }
  }

  /// The row that contains `y`, a fraction of the side from the top; clamped to 0…`side`.
  func row(_ y: Float) -> Int { min(max(Int(y * Float(side)), 0), side) }

  /// A rectangle with antialiased edges.
  func rectangle(_ low: SIMD2<Float>, _ high: SIMD2<Float>, _ color: Color, opacity: Float = 1) {
    paint(low, high) { x, y, pixel in
      let inside = min(x - low.x, high.x - x, y - low.y, high.y - y) / pixel + 0.5
      return (color, min(max(inside, 0), 1) * opacity)
    }
  }

  /// An ellipse, rotated clockwise by the angle whose cosine and sine are `turn`. `shine` lightens the edge that was at
  /// the top before the rotation and darkens the opposite edge.
  func ellipse(
    _ center: SIMD2<Float>, _ radius: SIMD2<Float>, turn: SIMD2<Float> = SIMD2(1, 0), _ color: Color,
    opacity: Float = 1, shine: Float = 0
  ) {
    let extent = SIMD2<Float>(repeating: max(radius.x, radius.y))
    paint(center - extent, center + extent) { x, y, pixel in
      let (dx, dy) = (x - center.x, y - center.y)
      let (u, v) = ((dx * turn.x + dy * turn.y) / radius.x, (dy * turn.x - dx * turn.y) / radius.y)
      let distance = (u * u + v * v).squareRoot()
      let edge = (1 - distance) * min(radius.x, radius.y) / pixel + 0.5
      return (color * (1 - shine * v), min(max(edge, 0), 1) * opacity)
    }
  }

  /// An upright triangle, for firs.
  func triangle(top: SIMD2<Float>, height: Float, halfBase: Float, _ color: Color) {
    let (low, high) = (SIMD2(top.x - halfBase, top.y), SIMD2(top.x + halfBase, top.y + height))
    paint(low, high) { x, y, pixel in
      let half = halfBase * (y - top.y) / height
      let inside = min(half - (x - top.x).magnitude, high.y - y) / pixel + 0.5
      return (color, min(max(inside, 0), 1))
    }
  }

  @inline(__always) private func paint(
    _ low: SIMD2<Float>, _ high: SIMD2<Float>, _ color: (_ x: Float, _ y: Float, _ pixel: Float) -> (Color, Float)
  ) {
    let scale = Float(side)
    let (first, last) = (low * scale - 1, high * scale + 1)
    guard first.x < scale, first.y < scale, last.x > 0, last.y > 0 else { return }
    for row in Int(max(first.y, 0))..<Int(min(last.y, scale)) {
      let y = (Float(row) + 0.5) / scale
      for column in Int(max(first.x, 0))..<Int(min(last.x, scale)) {
        let (paint, opacity) = color((Float(column) + 0.5) / scale, y, 1 / scale)
        guard opacity > 0 else { continue }
        let index = row * side + column
        pixels[index] += (paint - pixels[index]) * opacity
      }
    }
  }

  /// Draws another canvas over the whole of this one, interpolated bilinearly.
  func enlarge(_ other: Canvas) {
    let (scale, last) = (Float(other.side), other.side - 1)
    func neighbours(_ position: Float) -> (first: Int, second: Int, fraction: Float) {
      let shifted = max(position * scale - 0.5, 0)
      let first = min(Int(shifted), last)
      return (first, min(first + 1, last), shifted - Float(first))
    }
    fill { x, y in
      let (column, row) = (neighbours(x), neighbours(y))
      let (upper, lower) = (other.pixels + row.first * other.side, other.pixels + row.second * other.side)
      return upper[column.first].mixed(with: upper[column.second], column.fraction)
        .mixed(with: lower[column.first].mixed(with: lower[column.second], column.fraction), row.fraction)
    }
  }

  /// Planes of red, green and blue, `[3, side, side]`: colours in 0…1, times `scale`, plus `offset`.
  func tensor(scale: Float = 1, offset: Float = 0) -> Tensor {
    let area = side * side
    return Tensor(shape: [3, side, side]) { buffer in
      for index in 0..<area {
        let color = pixels[index].clamped() * scale + offset
        (buffer[index], buffer[area + index], buffer[2 * area + index]) = (color.x, color.y, color.z)
      }
    }
  }
}

extension Canvas {
  /// The least alpha that is drawn. Fainter pixels would widen the box around what is visible.
  static let leastCoverage: Float = 1 / 32

  /// Draws a sprite in a pose; `coverage`, one number per pixel, receives the sprite's alpha where it is drawn.
  ///
  /// - Returns: the rectangle of pixels around what was drawn; empty if the sprite is outside the image.
  @discardableResult func draw(
    _ sprite: Sprite, _ pose: Pose, hue: Hue, coverage: UnsafeMutablePointer<Float>? = nil
  ) -> Extent {
    let scale = Float(side)
    let (low, high) = pose.bounds(sprite.halfExtent)
    guard high.x * scale > 0, high.y * scale > 0, low.x < 1, low.y < 1 else { return Extent() }
    let rows = Int(max(low.y * scale - 1, 0))..<Int(min(high.y * scale + 2, scale))
    let columns = Int(max(low.x * scale - 1, 0))..<Int(min(high.x * scale + 2, scale))

    let (level, back) = sprite.level(for: pose, side: side)
    let light = pose.light
    // The change of the gain per pixel of the level, along the drawing's own axes.
    let shade = SIMD2(light.shade.x / Float(level.width), light.shade.y / Float(level.height))
    let gain = light.gain - (light.shade.x + light.shade.y) / 2
    let stride = level.width + 2
    let limit = SIMD2(Float(level.width), Float(level.height))
    var extent = Extent()
    level.pixels.withUnsafeBufferPointer { source in
      for row in rows {
        let y = Float(row) + 0.5
        var drawn: (first: Int, last: Int)?
        for column in columns {
          let point = SIMD3(Float(column) + 0.5, y, 1)
          let depth = (back.w * point).sum()
          guard depth > 0 else { continue }
          let (u, v) = ((back.x * point).sum() / depth, (back.y * point).sum() / depth)
          // u and v are 0 at the centre of the first pixel; the level's transparent border is at -1.
          guard u > -1, v > -1, u < limit.x, v < limit.y else { continue }
          let (column0, row0) = (Int(u + 1), Int(v + 1))
          let (fractionX, fractionY) = (u + 1 - Float(column0), v + 1 - Float(row0))
          let start = row0 * stride + column0
          let top = source[start] + (source[start + 1] - source[start]) * fractionX
          let bottom = source[start + stride] + (source[start + stride + 1] - source[start + stride]) * fractionX
          let sample = top + (bottom - top) * fractionY
          let alpha = sample.w
          guard alpha >= Self.leastCoverage else { continue }
          var color = hue(sample)
          let factor = gain + shade.x * (u + 0.5) + shade.y * (v + 0.5)
          color = color * (factor + light.contrast - color * light.contrast)
          color = pointwiseMin(pointwiseMax(color, .zero), Color(repeating: alpha))
          let index = row * side + column
          pixels[index] = pixels[index] * (1 - alpha) + color
          coverage?[index] = alpha
          drawn = (drawn?.first ?? column, column)
        }
        if let drawn { extent.include(row: row, drawn.first, drawn.last) }
      }
    }
    return extent
  }
}

extension Sprite {
  /// The level whose pixel size is nearest to the image's, and the map from image pixels to level pixels.
  fileprivate func level(for pose: Pose, side: Int) -> (Level, Homography) {
    let step = longerSide / (pose.size * Float(side))
    var (index, size): (Int, Float) = (0, 1)
    while index < levels.count - 1, step > size * 1.41 { (index, size) = (index + 1, size * 2) }
    let inverse = pose.matrix.inverse
    let (scale, half) = (longerSide / size, SIMD2(Float(width), Float(height)) / (2 * size) - 0.5)
    // Dividing the first two entries of each row by the side makes the map take pixels instead of fractions.
    let pixel = SIMD3(1 / Float(side), 1 / Float(side), 1)
    let w = inverse.w * pixel
    let x = inverse.x * pixel * scale + w * half.x
    let y = inverse.y * pixel * scale + w * half.y
    return (levels[index], Homography(x, y, w))
  }
}

/// A rectangle of pixels that grows to include the pixels added to it.
struct Extent: Sendable, Equatable {
  var rows = 0..<0
  var columns = 0..<0
  var isEmpty: Bool { rows.isEmpty }

  mutating func include(row: Int, _ first: Int, _ last: Int) {
    guard !isEmpty else {
      (rows, columns) = (row..<row + 1, first..<last + 1)
      return
    }
    rows = min(rows.lowerBound, row)..<max(rows.upperBound, row + 1)
    columns = min(columns.lowerBound, first)..<max(columns.upperBound, last + 1)
  }
}
