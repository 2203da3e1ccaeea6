import Checkpoints
import Training

/// The stages of training the bundled model, in order. Each reads the parts of earlier stages from the folder `model/`
/// and writes its own there, in half precision.
public enum TrainingStage: String, CaseIterable, Sendable {
  /// The autoencoder.
  case vae
  /// The text encoder and the image encoder, trained contrastively.
  case clip
  /// The U-Net, trained on captions alone, with grounding supervision.
  case base
  /// The adapter: the resampler, and keys and values of subject attention, with the U-Net frozen.
  case adapter

  /// The stage's training plan, with `batch · steps` samples in total.
  /// - Parameters:
  ///   - seed: seed of the initial weights and of the samples.
  ///   - small: the model to train.
  public func plan(seed: UInt64, for small: SmallModel = .first) -> TrainingPlan {
    var plan: TrainingPlan
    let steps = small.steps[self] ?? 1
    let course = small.cosineEnds[self].map { LearningRateSchedule.Course.cosine(until: $0, floor: 1e-5) } ?? .constant
    switch self {
    case .vae:
      plan = TrainingPlan(
        steps: steps, batch: 12,
        schedule: LearningRateSchedule(peak: 1.5e-3, warmUp: 100, course: course))
    case .clip:
      plan = TrainingPlan(
        steps: steps, batch: 128,
        schedule: LearningRateSchedule(peak: 1e-3, warmUp: 60, course: course))
    case .base:
      plan = TrainingPlan(
        steps: steps, batch: 32, schedule: LearningRateSchedule(peak: 6e-4, warmUp: 200, course: course))
      plan.average = WeightAverage(decay: small.averageDecay)
    case .adapter:
      plan = TrainingPlan(
        steps: steps, batch: 32, schedule: LearningRateSchedule(peak: 6e-4, warmUp: 100, course: course))
      plan.average = WeightAverage(decay: small.averageDecay)
    }
    plan.seed = seed
    plan.reservoir = small.reservoirs[self]
    plan.checkpointEvery = 250
    plan.evaluateEvery = 500
    return plan
  }

  /// Fraction of subjects that captions call "a thing" while encoders, base and adapter are trained. Only the reference
  /// shows what these subjects are.
  static let unnamedFraction: Float = 0.08

  /// The parts of `model/` that the stage writes.
  var parts: [ModelPart] {
    switch self {
    case .vae: [.vae]
    case .clip: [.textEncoder, .imageEncoder, .tokenizer]
    case .base: [.unet, .scheduler, .index]
    case .adapter: [.adapter]
    }
  }
}
