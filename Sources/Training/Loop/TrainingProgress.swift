/// Progress of a training run, reported after every step.
public struct TrainingProgress: Sendable {
  /// Steps done, and the total number of steps.
  public let step, steps: Int
  /// Samples seen.
  public let samples: Int
  /// Smoothed over about the last fifty steps.
  public let loss: Double
  public let learningRate: Double
  /// Norm of all gradients before clipping.
  public let gradientNorm: Double
  /// Smoothed like the loss.
  public let samplesPerSecond: Double
  public let secondsLeft: Double
}

/// An exponential moving average that is unbiased from the first value on.
struct SmoothedMean {
  private var sum = 0.0
  private var weight = 0.0
  private let kept = 0.96

  mutating func add(_ value: Double) {
    sum = sum * kept + value
    weight = weight * kept + 1
  }

  var value: Double { sum / weight }
}
