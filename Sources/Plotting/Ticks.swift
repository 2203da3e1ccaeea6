import Foundation

/// Round numbers along an axis.
struct Ticks {
  let values: [Double]
  let step: Double

  /// About `count` round numbers within a range.
  init(_ range: ClosedRange<Double>, count: Int = 5) {
    let span = max(range.upperBound - range.lowerBound, .leastNormalMagnitude)
    let rough = span / Double(max(count - 1, 1))
    let unit = pow(10, floor(log10(rough)))
    let step = ([1, 2, 2.5, 5, 10].first { $0 * unit >= rough * 0.999 } ?? 10) * unit
    let first = (range.lowerBound / step - 1e-9).rounded(.up)
    let last = (range.upperBound / step + 1e-9).rounded(.down)
    values = stride(from: first, through: max(first, last), by: 1).map { $0 * step }
    self.step = step
  }

  /// A number with as many digits as are needed to distinguish neighbouring ticks, but at most four after the point.
  /// Very large and very small numbers have an exponent.
  static func label(_ value: Double, step: Double) -> String {
    if value == 0 { return "0" }
    let size = max(abs(value), abs(step))
    if size >= 1e5 || size < 1e-3 { return String(format: "%.1e", value) }
    let digits = step > 0 ? max(0, min(4, Int((-log10(step) + 1e-9).rounded(.up)) + (isRound(step) ? 0 : 1))) : 2
    return String(format: "%.\(digits)f", value)
  }

  /// Whether the number has only one significant digit.
  private static func isRound(_ step: Double) -> Bool {
    let scaled = step / pow(10, floor(log10(step)))
    return abs(scaled - scaled.rounded()) < 1e-6
  }
}
