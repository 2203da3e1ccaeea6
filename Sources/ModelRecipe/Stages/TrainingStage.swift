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
  /// - Parameter seed: seed of the initial weights and of the samples.
  public func plan(seed: UInt64) -> TrainingPlan {
    var plan: TrainingPlan
    switch self {
    case .vae:
      plan = TrainingPlan(
        steps: 6000, batch: 12,
        schedule: LearningRateSchedule(peak: 1.5e-3, warmUp: 100, course: .cosine(until: 6000, floor: 1e-5)))
    case .clip:
      plan = TrainingPlan(
        steps: 1000, batch: 128,
        schedule: LearningRateSchedule(peak: 1e-3, warmUp: 60, course: .cosine(until: 1000, floor: 1e-5)))
    case .base:
      plan = TrainingPlan(steps: 12000, batch: 32, schedule: LearningRateSchedule(peak: 6e-4, warmUp: 200))
      plan.average = WeightAverage(decay: 0.9985)
    case .adapter:
      plan = TrainingPlan(steps: 7000, batch: 32, schedule: LearningRateSchedule(peak: 6e-4, warmUp: 100))
      plan.average = WeightAverage(decay: 0.9985)
    }
    plan.seed = seed
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
