import Models

/// How a scene is generated, apart from its content. The package's default settings are defined here only.
public struct SceneSettings: Sendable, Equatable {
  /// What the image should not show; nil: an empty prompt. For nil, zeros replace the encoded empty prompt if the
  /// checkpoint's `model_index.json` sets `force_zeros_for_empty_prompt`; if it does not say, they do for SDXL only.
  public var negativePrompt: String? = "monochrome, lowres, bad anatomy, worst quality, low quality"
  /// Height of the images in pixels, a multiple of ``Pipeline/factor``, at most 16384; nil: the size that the model was
  /// trained on.
  public var height: Int?
  /// Width of the images in pixels, with the same limits as ``height``; nil: the size that the model was trained on.
  public var width: Int?
  /// Number of denoising steps.
  public var steps = 30
  /// Strength of classifier-free guidance; 1 or less: no guidance.
  public var guidance: Float = 7.5
  /// Noise levels σ at which guidance acts (Kynkäänniemi et al. 2024, “Applying guidance in a limited interval improves
  /// sample and distribution quality in diffusion models”); all noise levels as published.
  public var guidanceInterval = Scene.everyNoiseLevel
  /// The scheduler; nil: the checkpoint's own.
  public var scheduler: SchedulerKind?
  /// Seed of the starting noise, and of the noise that some schedulers add in each step.
  public var seed: UInt64 = 0
  /// Number of images.
  public var samples = 1
  /// γ of Eq. 2: how strongly subjects act. 0.6 as published; 0.4 for subjects that fill the image.
  public var scale: Float = 0.6
  /// Whether the learned queries replace phrases and boxes in the resampler.
  public var dropsGrounding = false
  /// Whether phrases are found as in the published implementation: a phrase means its first occurrence, even inside
  /// another phrase; if a phrase is listed more than once, the tokens found for the later ones are too early in the
  /// prompt.
  public var findsPhrasesAsPublished = false

  public static let published = SceneSettings()

  private init() {}

  /// Checks everything that can be checked without the model.
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
