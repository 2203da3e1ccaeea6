import Foundation
import Tensors

/// An estimate with the interval that covers the true value in a given part of all repetitions.
public struct ConfidenceInterval: Sendable, Equatable, CustomStringConvertible {
  public let estimate: Double
  public let lower: Double
  public let upper: Double
  /// Part of all repetitions, such as 0.95.
  public let confidence: Double

  /// Of a proportion (Wilson 1927): right for few trials and near 0 and 1, too.
  ///
  /// - Parameters:
  ///   - successes: 0…trials; parts of a success, as ties of the pointing game give, count as such.
  ///   - confidence: Above 0, below 1.
  /// - Throws: ``AnalysisError/empty(_:)`` without trials.
  public static func proportion(successes: Double, trials: Int, confidence: Double = 0.95) throws
    -> ConfidenceInterval
  {
    checkConfidence(confidence)
    guard trials > 0 else { throw AnalysisError.empty("proportion: expected at least one trial, found none") }
    guard (0...Double(trials)).contains(successes) else {
      fail("ConfidenceInterval.proportion: expected successes in 0…\(trials), found \(successes)")
    }
    let (n, part) = (Double(trials), successes / Double(trials))
    let z = normalQuantile((1 + confidence) / 2)
    let middle = (part + z * z / (2 * n)) / (1 + z * z / n)
    let half = z / (1 + z * z / n) * (part * (1 - part) / n + z * z / (4 * n * n)).squareRoot()
    // At 0 and at all successes the bound is the estimate itself; rounding must not pass it.
    return ConfidenceInterval(
      estimate: part, lower: max(0, min(part, middle - half)), upper: min(1, max(part, middle + half)),
      confidence: confidence)
  }

  /// Of a mean, by drawing the values with replacement (Efron 1979, percentiles): no assumption on how they are
  /// distributed, but they must be independent (one value a scene or seed).
  ///
  /// - Parameters:
  ///   - seed: The same seed gives the same interval.
  ///   - draws: How many means are drawn.
  ///   - confidence: Above 0, below 1.
  /// - Throws: ``AnalysisError/empty(_:)`` without values, ``AnalysisError/notFinite(place:)`` naming the first one
  ///   that is NaN or infinite.
  public static func mean(
    of values: [Double], seed: UInt64 = 0, draws: Int = 10_000, confidence: Double = 0.95
  ) throws -> ConfidenceInterval {
    checkConfidence(confidence)
    guard draws > 0 else { fail("ConfidenceInterval.mean: expected at least one draw, found \(draws)") }
    guard !values.isEmpty else { throw AnalysisError.empty("mean: expected at least one value, found none") }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw AnalysisError.notFinite(place: "mean, value \(bad) of \(values.count)")
    }
    var generator = RandomGenerator(seed: seed)
    let means = (0..<draws).map { _ -> Double in
      let chosen = generator.integers(below: values.count, count: values.count)
      return chosen.reduce(0.0) { $0 + values[Int($1)] } / Double(values.count)
    }.sorted()
    return ConfidenceInterval(
      estimate: values.reduce(0, +) / Double(values.count), lower: quantile(means, (1 - confidence) / 2),
      upper: quantile(means, (1 + confidence) / 2), confidence: confidence)
  }

  public var description: String {
    String(format: "%.4g [%.4g, %.4g]", estimate, lower, upper)
  }

  /// The quantile of sorted values, linear between neighbours.
  private static func quantile(_ sorted: [Double], _ part: Double) -> Double {
    let position = part * Double(sorted.count - 1)
    let below = Int(position)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }

  /// Where the normal distribution's cumulative probability reaches `probability`, by bisection.
  private static func normalQuantile(_ probability: Double) -> Double {
    var (low, high) = (-40.0, 40.0)
    for _ in 0..<100 {
      let middle = (low + high) / 2
      if 0.5 * erfc(-middle / 2.0.squareRoot()) < probability { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  private static func checkConfidence(_ confidence: Double) {
    guard confidence > 0, confidence < 1 else {
      fail("ConfidenceInterval: expected a confidence between 0 and 1, found \(confidence)")
    }
  }
}
