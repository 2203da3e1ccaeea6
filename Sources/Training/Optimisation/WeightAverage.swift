import CKernels
import Tensors

/// Exponential moving average (EMA) of weights; ``Trainer/withAverages(_:)`` puts the averages into the model.
///
/// In step t, counted from 1, the decay is min(decay, (1 + t) / (10 + t)). With this warm-up, which TensorFlow also
/// uses, the random initial weights are soon forgotten.
public struct WeightAverage: Sendable, Equatable {
  /// Fraction of the average that is kept in each step after the warm-up.
  public var decay: Double

  public init(decay: Double = 0.999) { self.decay = decay }

  /// The decay of a step, counted from 1.
  package func decay(step: Int) -> Double { min(decay, Double(1 + step) / Double(10 + step)) }

  /// Moves an average towards the weight after a step.
  package func update(_ average: inout Tensor, towards weight: Tensor, step: Int) {
    guard average.shape == weight.shape else {
      fail("WeightAverage: expected an average of the weight's shape \(weight.shape), found \(average.shape)")
    }
    let fraction = Float(1 - decay(step: step))
    average.withUnsafeMutableBuffer { average in
      weight.withUnsafeBuffer { msd_approach(average.baseAddress, $0.baseAddress, Int64($0.count), fraction) }
    }
  }
}
