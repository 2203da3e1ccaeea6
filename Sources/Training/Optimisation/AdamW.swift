import CKernels
import Foundation
import Tensors

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), in PyTorch's order of operations.
///
/// A weight that took no part in a step has a gradient of zero: its moments shrink, and it decays like other weights.
public struct AdamW: Sendable, Equatable {
  /// β1, the fraction of the mean gradient that is kept in each step.
  public var firstDecay = 0.9
  /// β2, the fraction of the mean squared gradient that is kept in each step.
  public var secondDecay = 0.999
  /// Added to the root of the mean squared gradient, by which the mean gradient is divided.
  public var epsilon = 1e-8
  /// Fraction of a weight that is lost in each step at a learning rate of 1.
  public var weightDecay = 0.01
  /// Whether biases, norms and other weights with a single axis are exempt from weight decay; false as published.
  public var sparesVectors = false

  public init() {}

  /// Mean and mean square of one weight's gradients so far, both starting from zero.
  package struct Moments: Sendable, Equatable {
    package var first, second: Tensor

    package init(_ shape: [Int]) { (first, second) = (.zeros(shape), .zeros(shape)) }
    package init(first: Tensor, second: Tensor) { (self.first, self.second) = (first, second) }
  }

  /// Takes one step.
  /// - Parameters:
  ///   - step: number of the step, counted from 1, for the bias correction of the moments.
  ///   - rate: the learning rate.
  ///   - gradientScale: factor on the gradient.
  package func update(
    _ weight: inout Tensor, _ moments: inout Moments, gradient: Tensor, step: Int, rate: Double,
    gradientScale: Float = 1
  ) {
    guard weight.shape == gradient.shape, weight.shape == moments.first.shape, weight.shape == moments.second.shape
    else {
      fail(
        "AdamW: expected a gradient and moments of the weight's shape \(weight.shape), found \(gradient.shape), "
          + "\(moments.first.shape) and \(moments.second.shape)")
    }
    let decay = sparesVectors && weight.rank < 2 ? 0 : weightDecay
    let constants = msd_adamw_step(
      gradient_scale: gradientScale, kept: Float(1 - rate * decay), first_added: Float(1 - firstDecay),
      second_kept: Float(secondDecay), second_added: Float(1 - secondDecay),
      second_correction: Float((1 - pow(secondDecay, Double(step))).squareRoot()),
      rate: Float(rate / (1 - pow(firstDecay, Double(step)))), epsilon: Float(epsilon))
    weight.withUnsafeMutableBuffer { weight in
      moments.first.withUnsafeMutableBuffer { first in
        moments.second.withUnsafeMutableBuffer { second in
          gradient.withUnsafeBuffer {
            msd_adamw(
              weight.baseAddress, $0.baseAddress, first.baseAddress, second.baseAddress, Int64($0.count), constants)
          }
        }
      }
    }
  }
}
