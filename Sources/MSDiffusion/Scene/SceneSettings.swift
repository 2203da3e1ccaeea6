import Models

/// How a scene is made, beside what is on it. The only defaults there are stand here.
public struct SceneSettings: Sendable, Equatable {
  /// What the image is to be kept away from; nil: zeros in place of the text, where the checkpoint's configuration says
  /// so, otherwise an empty prompt.
  public var negativePrompt: String? = "monochrome, lowres, bad anatomy, worst quality, low quality"
  /// Size in pixels, multiples of the model's factor; nil: the size the model was trained on.
  public var height: Int?
  public var width: Int?
  /// Denoising steps.
  public var steps = 30
  /// Classifier-free guidance; 1 or less: none, and no unconditional half is computed.
  public var guidance: Float = 7.5
  /// Noise levels σ at which guidance acts (Kynkäänniemi et al. 2024, “Applying guidance in a limited interval improves
  /// sample and distribution quality in diffusion models”); all of them as published.
  public var guidanceInterval = Scene.everyNoiseLevel
  /// nil: the checkpoint's own.
  public var scheduler: SchedulerKind?
  public var seed: UInt64 = 0
  /// How many images.
  public var samples = 1
  /// γ of Eq. 2: how strongly subjects are drawn. 0.6 as published; 0.4 for subjects that fill the image.
  public var scale: Float = 0.6
  /// Whether the learned queries replace phrases and boxes in the resampler.
  public var dropsGrounding = false
  /// Whether phrases are found as the published implementation finds them, which counts later equal phrases too early.
  public var findsPhrasesAsPublished = false

  public static let published = SceneSettings()

  private init() {}

  /// Checks what needs no model.
  /// - Throws: `PipelineError`.
  func check() throws {
    for (name, number) in [("steps", steps), ("samples", samples)] where !(1...10000).contains(number) {
      throw PipelineError.invalid(name, found: "\(number)", expected: "a whole number from 1 to 10000")
    }
    for (name, number) in [("guidance", guidance), ("scale", scale)] where !number.isFinite {
      throw PipelineError.invalid(name, found: "\(number)", expected: "a finite number")
    }
  }
}
