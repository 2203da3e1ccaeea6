/// Shares of colours, without their places: luma in a few broad bins, as light varies, the two opponent colours in
/// finer ones. Each pixel is shared between neighbouring bins.
struct ColorHistogram: Sendable {
  private static let lumaBins = 3
  private static let colorBins = 13
  private let shares: [Float]

  /// - Parameter weights: How much each pixel counts.
  init(_ patch: Patch, weights: [Float]) {
    var bins = [Float](repeating: 0, count: Self.lumaBins * Self.colorBins * Self.colorBins)
    var total: Float = 0
    bins.withUnsafeMutableBufferPointer { bins in
      for (pixel, weight) in zip(patch.pixels, weights) where weight > 0 {
        total += weight
        let (luma, lumaShare) = Self.place(pixel.x, in: Self.lumaBins)
        let (first, firstShare) = Self.place((pixel.y + 1) / 2, in: Self.colorBins)
        let (second, secondShare) = Self.place((pixel.z + 1) / 2, in: Self.colorBins)
        for corner in 0..<8 {
          let (a, b, c) = (corner & 1, corner >> 1 & 1, corner >> 2)
          let share =
            (a == 0 ? 1 - lumaShare : lumaShare) * (b == 0 ? 1 - firstShare : firstShare)
            * (c == 0 ? 1 - secondShare : secondShare)
          bins[((luma + a) * Self.colorBins + first + b) * Self.colorBins + second + c] += weight * share
        }
      }
    }
    shares = total > 0 ? bins.map { $0 / total } : bins
  }

  /// The lower of the two bins that a number 0…1 lies between, and the share of the upper.
  private static func place(_ value: Float, in bins: Int) -> (Int, Float) {
    let place = min(max(value, 0), 1) * Float(bins - 1)
    let low = min(Int(place), bins - 2)
    return (low, place - Float(low))
  }

  /// What two histograms share (Swain and Ballard, 1991): 1 for equal ones, 0 for those without a common colour.
  func intersection(with other: ColorHistogram) -> Float {
    var sum: Float = 0
    shares.withUnsafeBufferPointer { a in
      other.shares.withUnsafeBufferPointer { b in
        for bin in a.indices { sum += min(a[bin], b[bin]) }
      }
    }
    return sum
  }
}
