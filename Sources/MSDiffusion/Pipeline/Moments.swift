import Checkpoints
import Layers
import Models

extension Moment.Phase {
  /// Texts and pictures become conditions.
  public static let encoding: Moment.Phase = "encoding"
  /// The steps of the scheduler.
  public static let denoising: Moment.Phase = "denoising"
  /// Latents become pictures.
  public static let decoding: Moment.Phase = "decoding"
}

extension Moment {
  init(_ phase: Phase, step: Int, rows: Range<Int>, timestep: Float, noiseLevel: Float) {
    self.init(phase, step: step, rows: rows, numbers: ["timestep": timestep, "noise_level": noiseLevel])
  }

  /// The scheduler's timestep; nil outside denoising.
  public var timestep: Float? { numbers["timestep"] }
  /// σ before the step: standard deviation of the noise over that of the signal; nil outside denoising.
  public var noiseLevel: Float? { numbers["noise_level"] }
}

extension HookKind {
  /// Latents after a denoising step.
  public static let latents: HookKind = "latents"
  /// The clean latents that a step predicts.
  public static let predictedOriginal: HookKind = "predictedOriginal"
}

extension Pipeline {
  /// What a run is going to do, for the hooks that take part in it.
  /// - Parameter encodes: whether texts and pictures are encoded in it.
  func outline(of batch: SceneBatch, scenes: [Scene], steps: Int, encodes: Bool) -> RunOutline {
    // Hook points of a part are named after it.
    let forSubjects = Set([ModelPart.imageEncoder, .adapter].map(\.name))
    let encoders = forSubjects.union([ModelPart.textEncoder, .secondTextEncoder].map(\.name))
    let ofSubjects: Set<HookKind> = [
      .subjectAttention, .subjectAttentionUnmasked, .subjectValue, .subjectContribution,
    ]
    let hasSubjects = scenes.contains { !$0.subjects.isEmpty }
    return RunOutline(
      steps: steps, grids: grids(height: batch.latentHeight, width: batch.latentWidth),
      absence: { point in
        let needsSubjects =
          ofSubjects.contains(point.kind) || forSubjects.contains(point.component)
        if !hasSubjects, needsSubjects { return "no scene of this run has a subject" }
        if !encodes, encoders.contains(point.component) {
          return "its conditions were encoded before; leave them out to have them encoded in the run"
        }
        return nil
      },
      hasSteps: { !encoders.contains($0.component) && $0.component != ModelPart.vae.name })
  }
}
