import Checkpoints
import Layers
import Models

extension Moment.Phase {
  /// Texts and pictures are encoded.
  public static let encoding: Moment.Phase = "encoding"
  /// The scheduler's steps are taken.
  public static let denoising: Moment.Phase = "denoising"
  /// Latents are decoded to pictures.
  public static let decoding: Moment.Phase = "decoding"
}

extension Moment {
  init(_ phase: Phase, step: Int, rows: Range<Int>, timestep: Float, noiseLevel: Float) {
    self.init(phase, step: step, rows: rows, numbers: ["timestep": timestep, "noise_level": noiseLevel])
  }

  /// The scheduler's timestep; nil outside denoising.
  public var timestep: Float? { numbers["timestep"] }
  /// σ before the step, the noise's standard deviation divided by the signal's; nil outside denoising.
  public var noiseLevel: Float? { numbers["noise_level"] }
}

extension HookKind {
  /// Latents after a denoising step.
  public static let latents: HookKind = "latents"
  /// The clean latents that a step predicts.
  public static let predictedOriginal: HookKind = "predictedOriginal"
}

extension Pipeline {
  /// The outline of a generation, which is used to find hooks that can never fire.
  /// - Parameter encodes: whether texts and pictures are encoded in this generation, rather than before it.
  func outline(of batch: SceneBatch, scenes: [Scene], steps: Int, encodes: Bool) -> RunOutline {
    // The component of a hook point is the name of its part.
    let subjectParts = Set([ModelPart.imageEncoder, .adapter].map(\.name))
    let encoders = subjectParts.union([ModelPart.textEncoder, .secondTextEncoder].map(\.name))
    let subjectKinds: Set<HookKind> = [
      .subjectAttention, .subjectAttentionUnmasked, .subjectValue, .subjectContribution,
    ]
    let hasSubjects = scenes.contains { !$0.subjects.isEmpty }
    return RunOutline(
      steps: steps, grids: grids(height: batch.latentHeight, width: batch.latentWidth),
      reasonUnavailable: { point in
        let needsSubjects =
          subjectKinds.contains(point.kind) || subjectParts.contains(point.component)
        if !hasSubjects, needsSubjects { return "no scene of this run has a subject" }
        if !encodes, encoders.contains(point.component) {
          return "the conditions were encoded before this run; to encode them in the run, do not pass conditions"
        }
        return nil
      },
      hasSteps: { !encoders.contains($0.component) && $0.component != ModelPart.vae.name })
  }
}
