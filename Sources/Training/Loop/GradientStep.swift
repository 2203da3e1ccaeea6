import Tensors

/// Loss and gradients of one step's samples.
struct GradientStep {
  /// Mean loss of the samples.
  let loss: Double
  let figures: Tally
  /// Gradients of the mean loss, one per weight.
  let gradients: [Tensor]

  /// Runs the shards of a step in parallel, each forward and backward on one thread, and adds up their results in the
  /// order of the shards, so that the result does not depend on the number of cores.
  init(_ objective: any TrainingObjective, _ weights: [TrainedWeight], _ plan: TrainingPlan, step: Int) throws {
    let shards = plan.shards(step: step)
    let variables = weights.map { Tape.variable($0.value) }
    let results = weights.with(variables) {
      onThreads(shards.count) { shard in
        Result {
          try withoutThreads {
            try ShardResult(objective, variables, parts: shards[shard], batch: plan.batch, step: step)
          }
        }
      }
    }
    let parts = try results.map { try $0.get() }
    loss = parts.reduce(0) { $0 + $1.loss }
    figures = parts.reduce(into: Tally()) { $0.add($1.figures) }
    gradients = parts.dropFirst().reduce(parts[0].gradients) { sums, part in zip(sums, part.gradients).map { $0 + $1 } }
  }

  /// Loss, figures and gradients of one shard.
  private struct ShardResult: Sendable {
    var loss = 0.0
    var figures = Tally()
    var gradients: [Tensor] = []

    init(
      _ objective: any TrainingObjective, _ variables: [Tensor], parts: [Range<Int>], batch: Int, step: Int
    ) throws {
      for samples in parts {
        let result = try objective.loss(samples: samples, step: step)
        guard result.loss.count == 1 else {
          throw TrainingError.parameters("expected a loss of one number, found shape \(result.loss.shape)")
        }
        let fraction = Float(samples.count) / Float(batch)
        let weighted = result.loss * fraction
        loss += Double(weighted.item)
        for (name, value) in result.figures { figures.add(name, Double(value), weight: Double(samples.count)) }
        let found = Tape.gradients(of: weighted, for: variables)
        gradients = gradients.isEmpty ? found : zip(gradients, found).map { $0 + $1 }
      }
    }
  }
}
