import Layers
import Tensors

/// The weights to train, and their loss on given samples.
public protocol TrainingObjective: Sendable {
  /// The weights to train, in a fixed order.
  var parameters: [Parameter] { get }

  /// Mean loss over some samples. During the call, the values of ``parameters`` are variables of the tape.
  ///
  /// Several threads call this at once, each with different samples. The result must depend only on the weights, the
  /// samples and the step.
  /// - Parameters:
  ///   - samples: the samples' indices in the whole training run, counted from 0, so that a resumed run uses the same
  ///     samples.
  ///   - step: index of the step, counted from 0.
  func loss(samples: Range<Int>, step: Int) throws -> StepLoss

  /// Figures for the log, measured at the intervals that the plan sets. The model then holds the averaged weights, if
  /// averages are kept.
  /// - Parameter step: number of steps done.
  func evaluation(step: Int) throws -> [(name: String, value: Double)]
}

extension TrainingObjective {
  public func evaluation(step: Int) throws -> [(name: String, value: Double)] { [] }
}

/// The loss of some samples.
public struct StepLoss: Sendable {
  /// The mean loss, one number recorded on the tape.
  public var loss: Tensor
  /// Other means over the same samples, for the log.
  public var figures: [(name: String, value: Float)]

  public init(_ loss: Tensor, figures: [(name: String, value: Float)] = []) {
    (self.loss, self.figures) = (loss, figures)
  }
}
