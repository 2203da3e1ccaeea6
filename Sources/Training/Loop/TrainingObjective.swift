import Layers
import Tensors

/// What is trained: weights, and the loss of some samples.
public protocol TrainingObjective: Sendable {
  /// The weights to train, in an order that stays.
  var parameters: [Parameter] { get }

  /// Mean loss over some samples. During the call the values of ``parameters`` are variables.
  ///
  /// Several threads call this at once, each with samples of its own. Its result may depend on nothing but the
  /// weights, the samples and the step.
  /// - Parameters:
  ///   - samples: their numbers, counted through the whole training, so that a resumed one sees the same ones.
  ///   - step: counted from 0.
  func loss(samples: Range<Int>, step: Int) throws -> StepLoss

  /// Figures for the log, measured from time to time with the averaged weights where there are any.
  /// - Parameter step: steps done.
  func evaluation(step: Int) throws -> [(name: String, value: Double)]
}

extension TrainingObjective {
  public func evaluation(step: Int) throws -> [(name: String, value: Double)] { [] }
}

/// The loss of some samples.
public struct StepLoss: Sendable {
  /// Mean loss, one recorded number.
  public var loss: Tensor
  /// Further means over the same samples, for the log.
  public var figures: [(name: String, value: Float)]

  public init(_ loss: Tensor, figures: [(name: String, value: Float)] = []) {
    (self.loss, self.figures) = (loss, figures)
  }
}
