import Foundation
import Images
import Layers
import Models
import Tensors

/// The images generated from a scene, and the tensors behind them.
public struct Generation: Sendable {
  public let scene: Scene
  /// The images, one per sample.
  public let images: [PixelImage]
  /// Latents of all samples, `[samples, C, h, w]`: those after the last step or, if the generation was cancelled, the
  /// clean latents that its last completed step predicted.
  public let latents: Tensor
  /// Decoded images before they are clamped, with values of about −1…1, `[samples, 3, H, W]`.
  public let decoded: Tensor
  /// Number of denoising steps that were taken.
  public let completedSteps: Int
  /// Messages for the user about prompts that are too long and phrases that have no tokens in the prompt.
  public let warnings: [String]
  /// Indices of this scene's samples among those of all scenes that were generated together.
  public let samples: Range<Int>
  /// Number of samples of all scenes that were generated together.
  let batchSamples: Int
  /// Prompt tokens of each subject's phrase, found by the scene's own rule, or the reason why there are none.
  public let phrases: [Result<Range<Int>, PhraseError>]
  /// The columns of each subject in subject attention.
  public let columns: SubjectColumns

  /// Whether the generation was cancelled before its last step.
  public var isCancelled: Bool { completedSteps < scene.steps }
  /// The image of the first sample.
  public var image: PixelImage { images[0] }
}

/// The progress of a generation.
public enum GenerationProgress: Sendable, Equatable {
  /// Texts and pictures are being encoded.
  case encoding
  /// This many of all denoising steps have been taken.
  case denoising(step: Int, of: Int)
  /// The sample with this number, counted from 1, is being decoded.
  case decoding(sample: Int, of: Int)
}

extension Pipeline {
  /// The steps of a generation, for a caller that runs the loop itself.
  /// - Parameters:
  ///   - scenes: requests with the same size, number of steps, scheduler and layout options. Prompt, subjects, seed,
  ///     guidance, scale and number of samples may differ.
  ///   - conditions: the encoded texts and images, one set per scene; nil: they are encoded here.
  ///   - observing: hooks and recorders, active during this generation only.
  /// - Throws: ``PipelineError`` for scenes that cannot be generated, or not in one batch; `AnalysisError.invalidBox`;
  ///   `SchedulerError` for a number of steps that the scheduler cannot take; `PhraseError` if the layout options need
  ///   a phrase that was not found; `HookError` for a hook that can never fire.
  public func denoising(
    _ scenes: [Scene], conditions: [Conditions]? = nil, observing: [any Observing] = []
  ) throws -> Denoising {
    try Denoising(self, scenes: scenes, conditions: conditions, observing: observing)
  }

  /// Generates one scene.
  /// - Throws: as the method that generates several scenes.
  public func generate(
    _ scene: Scene, conditions: Conditions? = nil, observing: [any Observing] = [],
    progress: @Sendable (GenerationProgress) -> Void = { _ in }
  ) throws -> Generation {
    try generate([scene], conditions: conditions.map { [$0] }, observing: observing, progress: progress)[0]
  }

  /// Generates scenes in one batch; ``denoising(_:conditions:observing:)`` explains which scenes can share a batch.
  ///
  /// If the surrounding task is cancelled, the generation ends after the current step, and the clean latents that this
  /// step predicts are decoded and returned. If the task is cancelled before the first step, this throws
  /// `CancellationError`.
  /// - Throws: as ``denoising(_:conditions:observing:)``; errors thrown by hooks and recorders;
  ///   `PipelineError.notFinite` if conditions, starting noise, predictions, latents or images contain NaN or infinity,
  ///   with the latents of the completed steps.
  public func generate(
    _ scenes: [Scene], conditions: [Conditions]? = nil, observing: [any Observing] = [],
    progress: @Sendable (GenerationProgress) -> Void = { _ in }
  ) throws -> [Generation] {
    progress(.encoding)
    let run = try denoising(scenes, conditions: conditions, observing: observing)
    while !Cancellation.isRequested, let step = try run.advance() {
      progress(.denoising(step: step.index + 1, of: run.steps))
    }
    guard let original = run.predictedOriginal else { throw CancellationError() }
    let latents = run.completedSteps == run.steps ? run.latents : original
    let decoded = try run.decode(latents, progress: progress)
    var start = 0
    return zip(scenes, run.conditions).map { scene, conditions in
      let range = start..<(start + scene.samples)
      start = range.upperBound
      let sceneImages = decoded.sliced(axis: 0, range)
      return Generation(
        scene: scene, images: Self.images(sceneImages), latents: latents.sliced(axis: 0, range), decoded: sceneImages,
        completedSteps: run.completedSteps, warnings: conditions.warnings, samples: range,
        batchSamples: latents.shape[0],
        phrases: conditions.phraseSpans, columns: columns(of: scene))
    }
  }

  /// Longest side of latents that are decoded as a whole, without tiles: for SDXL, 1024 pixels.
  static let wholeSide = 128

  /// Decodes latents `[B, C, h, w]` to images `[B, 3, H, W]` with values of about −1…1. To bound memory, samples are
  /// decoded one at a time. Latents are decoded in tiles if a side is longer than 128 and than the model's own size.
  public func decode(_ latents: Tensor) -> Tensor {
    .concatenated(
      (0..<latents.shape[0]).map { index in
        let one = vae.unscaled(latents.sliced(axis: 0, index..<(index + 1)))
        return vae.decodeTiled(one, tile: max(Self.wholeSide, denoiser.configuration.sampleSize))
      }, axis: 0)
  }

  /// Converts decoded images `[B, 3, H, W]` to pixels; values outside of −1…1 are clamped.
  public static func images(_ decoded: Tensor) -> [PixelImage] {
    (0..<decoded.shape[0]).map { index in
      let one = decoded.sliced(axis: 0, index..<(index + 1)).reshaped(Array(decoded.shape.dropFirst()))
      return PixelImage((one / 2 + 0.5).clamped(to: 0...1))
    }
  }
}
