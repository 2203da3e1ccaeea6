import Foundation
import Layers
import Tensors
import TestSupport
import Training

/// A small objective: fits a matrix and an offset to noisy samples. A sample depends only on its number.
final class Line: TrainingObjective {
  let weight = Parameter("line.weight", .zeros([3, 5]))
  let bias = Parameter("line.bias", .zeros([3]))
  /// A weight that the loss does not depend on.
  let idle = Parameter("idle.weight", .ones([2, 2]))
  /// The numbers of samples whose loss is NaN.
  let broken: Set<Int>

  init(broken: Set<Int> = []) { self.broken = broken }

  var parameters: [Parameter] { [weight, bias, idle] }

  func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
    var (inputs, targets): ([Float], [Float]) = ([], [])
    for sample in samples {
      var numbers = TestNumbers(UInt64(sample) + 1)
      let x = (0..<5).map { _ in numbers.next() - 0.5 }
      inputs += x
      targets += (0..<3).map { row in x[row] - 2 * x[row + 1] + Float(row) + 0.01 * numbers.next() }
      if broken.contains(sample) { targets[targets.count - 1] = .nan }
    }
    let found = Tensor(inputs, shape: [samples.count, 5]).linear(weight: weight.value, bias: bias.value)
    let loss = (found - Tensor(targets, shape: [samples.count, 3])).square().mean()
    return StepLoss(loss, figures: [("offset", bias.value.values[2]), ("samples", Float(samples.count))])
  }

  func evaluation(step: Int) throws -> [(name: String, value: Double)] { [("bias", Double(bias.value.values[1]))] }
}

extension TrainingPlan {
  /// A plan that fits ``Line``.
  static func line(steps: Int) -> TrainingPlan {
    var plan = TrainingPlan(
      steps: steps, batch: 7,
      schedule: LearningRateSchedule(peak: 0.05, warmUp: 5, course: .cosine(until: 300, floor: 0.001)))
    (plan.microbatch, plan.checkpointEvery, plan.logEvery, plan.evaluateEvery) = (3, 10, 4, 6)
    plan.average = WeightAverage(decay: 0.9)
    return plan
  }
}

/// The folder of a training run.
func url(_ folder: TemporaryFolder, _ name: String = "run") -> URL { URL(fileURLWithPath: folder.file(name)) }
