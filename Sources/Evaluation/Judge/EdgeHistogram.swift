/// The gradient of luma at each pixel of a patch: its magnitude, and its orientation, which is divided between two
/// neighbouring bins.
struct EdgeField: Sendable {
  static let orientations = 8

  /// For each pixel, the magnitude, the index of the lower bin, and the fraction that goes to the next bin.
  let gradients: [(magnitude: Float, bin: Int, fraction: Float)]

  init(_ patch: Patch) {
    let side = Patch.side
    gradients = patch.pixels.withUnsafeBufferPointer { pixels in
      (0..<side * side).map { pixel in
        let (row, column) = pixel.quotientAndRemainder(dividingBy: side)
        let horizontal =
          pixels[pixel + (column < side - 1 ? 1 : 0)].x - pixels[pixel - (column > 0 ? 1 : 0)].x
        let vertical = pixels[pixel + (row < side - 1 ? side : 0)].x - pixels[pixel - (row > 0 ? side : 0)].x
        let turn = Self.halfTurns(horizontal, vertical) * Float(Self.orientations)
        let bin = min(Int(turn), Self.orientations - 1)
        return ((horizontal * horizontal + vertical * vertical).squareRoot(), bin, turn - Float(bin))
      }
    }
  }

  /// The orientation of a gradient in half turns, 0…1; opposite gradients have the same orientation. The arctangent is
  /// replaced by a fast monotonic approximation, which is good enough for bins.
  private static func halfTurns(_ x: Float, _ y: Float) -> Float {
    let (x, y) = y < 0 || (y == 0 && x < 0) ? (-x, -y) : (x, y)
    let size = x.magnitude + y
    return size == 0 ? 0 : (1 - x / size) / 2
  }
}

/// Histograms of edge orientations in the cells of a grid (Dalal and Triggs, 2005).
struct EdgeHistogram: Sendable {
  private static let cells = 4
  private let values: [Float]

  /// - Parameter weights: weight of each pixel; pixels of weight 0 are left out.
  init(_ field: EdgeField, weights: [Float]) {
    let (cells, orientations, side) = (Self.cells, EdgeField.orientations, Patch.side)
    var bins = [Float](repeating: 0, count: cells * cells * orientations)
    for pixel in 0..<side * side where weights[pixel] > 0 {
      let (row, column) = pixel.quotientAndRemainder(dividingBy: side)
      let gradient = field.gradients[pixel]
      let strength = gradient.magnitude * weights[pixel]
      // The pixel is divided between the nearest four cells.
      let (x, y) = (
        (Float(column) + 0.5) * Float(cells) / Float(side) - 0.5, (Float(row) + 0.5) * Float(cells) / Float(side) - 0.5
      )
      let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
      for corner in 0..<4 {
        let (cellX, cellY) = (left + (corner & 1), top + corner >> 1)
        guard cellX >= 0, cellY >= 0, cellX < cells, cellY < cells else { continue }
        let part = (1 - (x - Float(cellX)).magnitude) * (1 - (y - Float(cellY)).magnitude) * strength
        let start = (cellY * cells + cellX) * orientations
        bins[start + gradient.bin] += part * (1 - gradient.fraction)
        bins[start + (gradient.bin + 1) % orientations] += part * gradient.fraction
      }
    }
    // Square roots are taken so that a few strong edges do not dominate.
    let roots = bins.map { $0.squareRoot() }
    let length = roots.reduce(0) { $0 + $1 * $1 }.squareRoot()
    values = length > 0 ? roots.map { $0 / length } : roots
  }

  /// Cosine similarity of two histograms: 1 if they are equal, 0 if they have no orientation in
  /// common or one of them is empty.
  func cosine(with other: EdgeHistogram) -> Float { zip(values, other.values).reduce(0) { $0 + $1.0 * $1.1 } }
}
