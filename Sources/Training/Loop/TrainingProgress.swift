/// Progress of a training run, reported after every step.
public struct TrainingProgress: Sendable {
  /// Number of steps done, and total number of steps.
  public let step, steps: Int
  /// Number of samples seen.
  public let samples: Int
  /// The loss, smoothed over about the last fifty steps.
  public let loss: Double
  public let learningRate: Double
  /// Norm of all gradients of this step before clipping.
  public let gradientNorm: Double
  /// Speed, smoothed like the loss.
  public let samplesPerSecond: Double
  /// Time left at this speed.
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
