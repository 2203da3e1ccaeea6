import Foundation
import Tensors

/// An estimate with an interval that contains the true value in a given fraction of repetitions of the experiment.
public struct ConfidenceInterval: Sendable, Equatable, CustomStringConvertible {
  public let estimate: Double
  public let lower: Double
  public let upper: Double
  /// The fraction of repetitions whose interval contains the true value, such as 0.95.
  public let confidence: Double

  package init(estimate: Double, lower: Double, upper: Double, confidence: Double) {
    (self.estimate, self.lower, self.upper, self.confidence) = (estimate, lower, upper, confidence)
  }

  /// The interval of a proportion (Wilson 1927). It is also accurate for few trials and for proportions near 0 and 1.
  ///
  /// - Parameters:
  ///   - successes: Number of successes, 0…trials; a number outside this range stops the program. Fractions of a
  ///     success are allowed, as for ties in the pointing game.
  ///   - confidence: Above 0 and below 1; any other number stops the program.
  /// - Throws: ``AnalysisError/empty(_:)`` if there are no trials.
  public static func proportion(successes: Double, trials: Int, confidence: Double = 0.95) throws
    -> ConfidenceInterval
  {
    checkConfidence(confidence)
    guard trials > 0 else { throw AnalysisError.empty("proportion: expected at least one trial, found none") }
    guard (0...Double(trials)).contains(successes) else {
      fail("ConfidenceInterval.proportion: expected successes in 0…\(trials), found \(successes)")
    }
    let (n, fraction) = (Double(trials), successes / Double(trials))
    let z = normalQuantile((1 + confidence) / 2)
    let middle = (fraction + z * z / (2 * n)) / (1 + z * z / n)
    let half = z / (1 + z * z / n) * (fraction * (1 - fraction) / n + z * z / (4 * n * n)).squareRoot()
    // With no successes, or only successes, one bound equals the estimate; rounding must not move it past the estimate.
    return ConfidenceInterval(
      estimate: fraction, lower: max(0, min(fraction, middle - half)), upper: min(1, max(fraction, middle + half)),
      confidence: confidence)
  }

  /// The interval of a mean by the percentile bootstrap (Efron 1979): values are resampled with replacement. It assumes
  /// nothing about the values' distribution, but they must be independent, such as one value per scene or seed.
  ///
  /// - Parameters:
  ///   - seed: For the same values, the same seed returns the same interval.
  ///   - draws: Number of resampled means; a number below 1 stops the program.
  ///   - confidence: Above 0 and below 1; any other number stops the program.
  /// - Throws: ``AnalysisError/empty(_:)`` if there are no values; ``AnalysisError/notFinite(place:)`` with the index
  ///   of the first value that is NaN or infinite.
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

  /// The interval of a mean by Student's t, for few values that are about normally distributed, such as one value per
  /// training run.
  ///
  /// - Parameter confidence: Above 0 and below 1; any other number stops the program.
  /// - Throws: ``AnalysisError/empty(_:)`` for fewer than two values; ``AnalysisError/notFinite(place:)`` with the
  ///   index of the first value that is NaN or infinite.
  public static func student(_ values: [Double], confidence: Double = 0.95) throws -> ConfidenceInterval {
    checkConfidence(confidence)
    guard values.count > 1 else {
      throw AnalysisError.empty("student: expected at least two values, found \(values.count)")
    }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw AnalysisError.notFinite(place: "student, value \(bad) of \(values.count)")
    }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    let half = studentQuantile((1 + confidence) / 2, freedom: count - 1) * (variance / count).squareRoot()
    return ConfidenceInterval(estimate: mean, lower: mean - half, upper: mean + half, confidence: confidence)
  }

  /// The quantile of Student's distribution for a `probability` above one half, found by bisection; the density is
  /// integrated by Simpson's rule.
  private static func studentQuantile(_ probability: Double, freedom: Double) -> Double {
    let scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / (freedom * .pi).squareRoot()
    // With x = tan u, all x ≥ 0 correspond to u from 0 to π/2.
    func density(_ u: Double) -> Double {
      let x = tan(u)
      return scale * pow(1 + x * x / freedom, -(freedom + 1) / 2) * (1 + x * x)
    }
    func cumulative(_ end: Double) -> Double {
      let parts = 400
      let step = end / Double(parts)
      let sum = (0...parts).reduce(0.0) { sum, part in
        let weight: Double = part == 0 || part == parts ? 1 : part.isMultiple(of: 2) ? 2 : 4
        return sum + weight * density(Double(part) * step)
      }
      return 0.5 + sum * step / 3
    }
    var (low, high) = (0.0, Double.pi / 2 - 1e-9)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if cumulative(middle) < probability { low = middle } else { high = middle }
    }
    return tan((low + high) / 2)
  }

  public var description: String {
    String(format: "%.4g [%.4g, %.4g]", estimate, lower, upper)
  }

  /// The quantile of sorted values for a `fraction` 0…1, interpolated linearly between neighbours.
  private static func quantile(_ sorted: [Double], _ fraction: Double) -> Double {
    let position = fraction * Double(sorted.count - 1)
    let below = Int(position)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }

  /// The quantile of the standard normal distribution for `probability`, by bisection.
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
