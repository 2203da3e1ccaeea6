import Dispatch
import Foundation
import JSON
import Tensors

/// Trains an objective's weights. Each training run has its own folder, in which it can be resumed after an
/// interruption.
///
/// The folder holds the newest two checkpoints, `log.jsonl` with the loss and other measured numbers, and `time.json`
/// with the time that the run has taken. A resumed run writes the same bytes to checkpoints and log as an uninterrupted
/// run.
public final class Trainer {
  /// How training ended.
  public struct Outcome: Sendable, Equatable {
    /// Number of steps done.
    public let step: Int
    /// Whether all steps of the plan are done; false if the run was cancelled before the last step.
    public let isFinished: Bool
    /// Path of the checkpoint that was written after ``step`` steps.
    public let checkpoint: String
  }

  public let plan: TrainingPlan
  /// Number of steps done.
  public private(set) var step = 0
  private let objective: any TrainingObjective
  private let folder: TrainingFolder
  private let weights: [TrainedWeight]
  private var tally = Tally()
  /// Path of the newest checkpoint, and the number of steps after which it was written; nil before the first one.
  private var checkpoint: String?
  private var checkpointedStep: Int?
  private var smoothedLoss = SmoothedMean()
  private var secondsPerStep = SmoothedMean()

  /// Begins a training run or, if the folder holds a checkpoint, resumes the run from the newest one.
  /// - Throws: ``TrainingError`` for an invalid plan, for invalid weights, and for a folder that cannot be used or
  ///   belongs to a different run; `CheckpointError` if a tensor of the checkpoint is missing. If the newest checkpoint
  ///   cannot be opened, the one before it is used.
  public init(_ objective: any TrainingObjective, _ plan: TrainingPlan, folder: URL) throws {
    try plan.check()
    (self.objective, self.plan) = (objective, plan)
    self.folder = try TrainingFolder(folder.path)
    weights = try TrainedWeight.all(of: objective.parameters, keepsAverages: plan.average != nil)
    if let newest = TrainingCheckpoint.newest(in: folder.path) {
      try newest.check(plan)
      try newest.restore(weights)
      (step, tally, checkpoint, checkpointedStep) = (newest.step, newest.tally, newest.path, newest.step)
    }
    try self.folder.log.truncate(after: step)
  }

  /// Trains until all steps are done or the run is cancelled. The model then holds the trained weights, not their
  /// averages.
  /// - Parameters:
  ///   - cancellation: ends the run after the current step, with a checkpoint.
  ///   - progress: called after every step.
  /// - Throws: ``TrainingError`` for numbers that are not finite, and for a log that cannot be written;
  ///   `CheckpointError` or `JSONError` for other files that cannot be written; errors thrown by the objective. Every
  ///   checkpoint that was written stays as it is.
  public func run(
    cancellation: Cancellation? = nil, progress: (TrainingProgress) -> Void = { _ in }
  ) throws -> Outcome {
    while step < plan.steps, !(cancellation?.isCancelled ?? false) {
      let start = ContinuousClock.now
      let (loss, norm, rate) = try takeStep()
      try writeLog()
      smoothedLoss.add(loss)
      secondsPerStep.add((ContinuousClock.now - start).seconds)
      progress(
        TrainingProgress(
          step: step, steps: plan.steps, samples: step * plan.batch, loss: smoothedLoss.value, learningRate: rate,
          gradientNorm: norm, samplesPerSecond: Double(plan.batch) / secondsPerStep.value,
          secondsLeft: secondsPerStep.value * Double(plan.steps - step)))
      if step % plan.checkpointEvery == 0 { try writeCheckpoint() }
    }
    if checkpointedStep != step { try writeCheckpoint() }
    return Outcome(step: step, isFinished: step >= plan.steps, checkpoint: checkpoint ?? "")
  }

  /// Runs a body while the model holds the averaged weights; the trained weights if no averages are kept.
  public func withAverages<Result>(_ body: () throws -> Result) rethrows -> Result {
    try weights.with(weights.map { $0.average ?? $0.value }, body)
  }

  /// Takes one step of all weights.
  /// - Returns: the loss, the norm of the gradients before clipping, and the learning rate.
  @discardableResult
  package func takeStep() throws -> (Double, Double, Double) {
    let result = try GradientStep(objective, weights, plan, step: step)
    let norm = GradientNorm.global(result.gradients)
    guard result.loss.isFinite, norm.isFinite else {
      throw TrainingError.notFinite(
        step: step, samples: plan.samples(step: step), loss: result.loss,
        parameter: zip(weights, result.gradients).first { !$1.isFinite }?.0.name, checkpoint: checkpoint)
    }
    if let figure = result.figures.means.first(where: { !$0.value.isFinite }) {
      throw TrainingError.figureNotFinite(step: step, name: figure.name, value: figure.value)
    }
    let rate = plan.schedule.rate(step: step)
    update(result.gradients, rate: rate, scale: GradientNorm.scale(norm: norm, limit: plan.clipping))
    step += 1
    tally.add("loss", result.loss)
    tally.add("gradientNorm", norm)
    for (name, value) in result.figures.means { tally.add(name, value) }
    return (result.loss, norm, rate)
  }

  private func update(_ gradients: [Tensor], rate: Double, scale: Float) {
    let (weights, plan, number) = (weights, plan, step + 1)
    DispatchQueue.concurrentPerform(iterations: weights.count) { index in
      let weight = weights[index]
      plan.optimizer.update(
        &weight.value, &weight.moments, gradient: gradients[index], step: number, rate: rate, gradientScale: scale)
      if var average = weight.average {
        weight.average = nil
        plan.average?.update(&average, towards: weight.value, step: number)
        weight.average = average
      }
    }
    weights.putBack()
  }

  private func writeLog() throws {
    let counters: [(String, JSONValue)] = [("step", JSONValue(step)), ("samples", JSONValue(step * plan.batch))]
    if step % plan.logEvery == 0 {
      let rate = plan.schedule.rate(step: step - 1)
      let means = tally.means.map { ($0.name, JSONValue.double($0.value)) }
      try folder.log.append(counters + [("learningRate", .double(rate))] + means)
      tally = Tally()
    }
    if plan.evaluateEvery > 0, step % plan.evaluateEvery == 0 {
      let figures = try withAverages { try objective.evaluation(step: step) }
      if !figures.isEmpty {
        try folder.log.append(counters + [("evaluation", .object(figures.map { ($0.name, .double($0.value)) }))])
      }
    }
  }

  private func writeCheckpoint() throws {
    if let broken = weights.first(where: { !$0.isFinite }) {
      throw TrainingError.weightNotFinite(step: step, parameter: broken.name, checkpoint: checkpoint)
    }
    checkpoint = try TrainingCheckpoint.write(weights, step: step, plan: plan, tally: tally, in: folder.path)
    checkpointedStep = step
    try folder.writeTime(step: step)
  }
}
