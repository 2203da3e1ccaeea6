/// Histogram of a patch's colours, regardless of position. Luma has a few broad bins, because light varies; the two
/// opponent colours have finer bins. Each pixel is divided between neighbouring bins.
struct ColorHistogram: Sendable {
  private static let lumaBins = 3
  private static let colorBins = 13
  private let fractions: [Float]

  /// - Parameter weights: weight of each pixel; pixels of weight 0 are left out.
  init(_ patch: Patch, weights: [Float]) {
    var bins = [Float](repeating: 0, count: Self.lumaBins * Self.colorBins * Self.colorBins)
    var total: Float = 0
    bins.withUnsafeMutableBufferPointer { bins in
      for (pixel, weight) in zip(patch.pixels, weights) where weight > 0 {
        total += weight
        let (luma, lumaFraction) = Self.bins(around: pixel.x, in: Self.lumaBins)
        let (first, firstFraction) = Self.bins(around: (pixel.y + 1) / 2, in: Self.colorBins)
        let (second, secondFraction) = Self.bins(around: (pixel.z + 1) / 2, in: Self.colorBins)
        for corner in 0..<8 {
          let (a, b, c) = (corner & 1, corner >> 1 & 1, corner >> 2)
          let part =
            (a == 0 ? 1 - lumaFraction : lumaFraction) * (b == 0 ? 1 - firstFraction : firstFraction)
            * (c == 0 ? 1 - secondFraction : secondFraction)
          bins[((luma + a) * Self.colorBins + first + b) * Self.colorBins + second + c] += weight * part
        }
      }
    }
    fractions = total > 0 ? bins.map { $0 / total } : bins
  }

  /// The lower of the two bins that a number 0…1 lies between, and the fraction that goes to the upper one.
  private static func bins(around value: Float, in bins: Int) -> (Int, Float) {
    let position = min(max(value, 0), 1) * Float(bins - 1)
    let low = min(Int(position), bins - 2)
    return (low, position - Float(low))
  }

  /// Intersection of two histograms (Swain and Ballard, 1991): 1 if they are equal, 0 if they have no colour in common.
  func intersection(with other: ColorHistogram) -> Float {
    var sum: Float = 0
    fractions.withUnsafeBufferPointer { a in
      other.fractions.withUnsafeBufferPointer { b in
        for bin in a.indices { sum += min(a[bin], b[bin]) }
      }
    }
    return sum
  }
}
