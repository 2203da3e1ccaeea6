import Foundation
import Images
import Layers
import Models
import Tensors

/// The images generated from a scene, and the tensors behind them.
public struct Generation: Sendable {
  public let scene: Scene
  /// One per sample.
  public let images: [PixelImage]
  /// Latents of all samples, `[samples, C, h, w]`: those after the last step or, if the generation was cancelled, the
  /// clean latents that its last completed step predicted.
  public let latents: Tensor
  /// Decoded images, about −1…1, not clamped, `[samples, 3, H, W]`.
  public let decoded: Tensor
  public let completedSteps: Int
  public let warnings: [String]
  /// Indices of this scene's samples among those of all scenes that were generated together.
  public let samples: Range<Int>
  /// Number of samples of all scenes that were generated together.
  let batchSamples: Int
  /// Prompt tokens of each subject's phrase, found by the scene's own rule.
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
  case encoding
  case denoising(step: Int, of: Int)
  case decoding(sample: Int, of: Int)
}

extension Pipeline {
  /// The steps of a generation, for a caller that runs the loop itself.
  /// - Parameters:
  ///   - scenes: requests with the same size, number of steps, scheduler and layout options; each with its own prompt,
  ///     subjects, seed, guidance, scale and samples.
  ///   - conditions: the encoded texts and images, one set per scene; nil: they are encoded here.
  ///   - observing: hooks and recorders, active during this generation only.
  /// - Throws: `PipelineError`, `PhraseError`, `HookError`, `AnalysisError.invalidBox`.
  public func denoising(
    _ scenes: [Scene], conditions: [Conditions]? = nil, observing: [any Observing] = []
  ) throws -> Denoising {
    try Denoising(self, scenes: scenes, conditions: conditions, observing: observing)
  }

  /// Generates one scene.
  /// - Throws: as the method for several scenes does.
  public func generate(
    _ scene: Scene, conditions: Conditions? = nil, observing: [any Observing] = [],
    progress: @Sendable (GenerationProgress) -> Void = { _ in }
  ) throws -> Generation {
    try generate([scene], conditions: conditions.map { [$0] }, observing: observing, progress: progress)[0]
  }

  /// Generates scenes in one batch; `denoising(_:)` explains which scenes can share a batch.
  ///
  /// Cancelling the surrounding task ends the generation after the running step; the clean latents predicted by that
  /// step are decoded and returned. If the task is cancelled before the first step, this throws `CancellationError`.
  /// - Throws: as `denoising(_:)`; what hooks and recorders throw; `PipelineError.notFinite` at the first step whose
  ///   latents contain NaN or infinity.
  public func generate(
    _ scenes: [Scene], conditions: [Conditions]? = nil, observing: [any Observing] = [],
    progress: @Sendable (GenerationProgress) -> Void = { _ in }
  ) throws -> [Generation] {
    progress(.encoding)
    let run = try denoising(scenes, conditions: conditions, observing: observing)
    while !Cancellation.isRequested, let step = try run.advance() {
      guard step.latents.isFinite else {
        throw PipelineError.notFinite(place: "the result of denoising step \(step.index) (timestep \(step.timestep))")
      }
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

  /// Side of the latents up to which an image is decoded as a whole, without tiles: 1024 pixels for SDXL.
  static let wholeSide = 128

  /// Decodes latents `[B, C, h, w]` to images `[B, 3, H, W]`, about −1…1. To bound memory, it decodes one sample at a
  /// time, in tiles if a side is larger than 128 and than the model's own size.
  public func decode(_ latents: Tensor) -> Tensor {
    .concatenated(
      (0..<latents.shape[0]).map { index in
        let one = vae.unscaled(latents.sliced(axis: 0, index..<(index + 1)))
        return vae.decodeTiled(one, tile: max(Self.wholeSide, denoiser.configuration.sampleSize))
      }, axis: 0)
  }

  /// Converts decoded images `[B, 3, H, W]` in −1…1 to pixels.
  public static func images(_ decoded: Tensor) -> [PixelImage] {
    (0..<decoded.shape[0]).map { index in
      let one = decoded.sliced(axis: 0, index..<(index + 1)).reshaped(Array(decoded.shape.dropFirst()))
      return PixelImage((one / 2 + 0.5).clamped(to: 0...1))
    }
  }
}
