import CKernels
import Tensors

/// Exponential moving average of weights (EMA): what a trained model is used with.
///
/// The decay of a step t, counted from 1, is min(decay, (1 + t) / (10 + t)), as TensorFlow and others warm it up: the
/// random weights of the start are soon forgotten, and the average becomes slow only when the weights are worth it.
public struct WeightAverage: Sendable, Equatable {
  /// How much of the average is kept from step to step once it is warm.
  public var decay: Double

  public init(decay: Double = 0.999) { self.decay = decay }

  /// The decay of a step, counted from 1.
  package func decay(step: Int) -> Double { min(decay, Double(1 + step) / Double(10 + step)) }

  /// Moves an average towards the weight as it is after a step.
  package func update(_ average: inout Tensor, towards weight: Tensor, step: Int) {
    guard average.shape == weight.shape else {
      fail("WeightAverage: an average of shape \(average.shape) does not fit a weight of shape \(weight.shape)")
    }
    let fraction = Float(1 - decay(step: step))
    average.withUnsafeMutableBuffer { average in
      weight.withUnsafeBuffer { msd_approach(average.baseAddress, $0.baseAddress, Int64($0.count), fraction) }
    }
  }
}
