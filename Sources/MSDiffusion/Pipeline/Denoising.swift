import Analysis
import Foundation
import Layers
import Models
import Tensors

// Axes: B samples of all scenes, C channels, h and w latent height and width.

/// The results of one denoising step.
public struct DenoisingStep: Sendable {
  /// The step's index, counted from 0.
  public let index: Int
  /// The scheduler's timestep before the step.
  public let timestep: Float
  /// σ before the step: the noise's standard deviation divided by the signal's.
  public let noiseLevel: Float
  /// The U-Net's output before guidance is applied, the unconditional half first: `[2·B, C, h, w]`. If no scene has
  /// guidance, there is no unconditional half: `[B, C, h, w]`.
  public let prediction: Tensor
  /// Latents after the step, `[B, C, h, w]`.
  public let latents: Tensor
  /// The clean latents that the step predicts, `[B, C, h, w]`.
  public let predictedOriginal: Tensor
}

/// The steps of one generation, each computed when the caller asks for it.
///
/// This is a plain sequence: a loop over it may inspect every step and stop early, and a later loop continues where it
/// stopped. A loop also ends early if a hook fails: ``failure`` then holds the error, and ``advance()`` throws it.
public final class Denoising: Sequence, IteratorProtocol {
  public let scenes: [Scene]
  public let steps: Int
  /// The encoded texts and images of each scene.
  public let conditions: [Conditions]
  /// The latents so far, `[B, C, h, w]`.
  public private(set) var latents: Tensor
  /// The latest prediction of clean latents; nil before the first step.
  public private(set) var predictedOriginal: Tensor?
  /// The starting noise, of standard deviation 1, `[B, C, h, w]`.
  public let initialNoise: Tensor
  /// The starting latents: the noise multiplied by the scheduler's initial σ, `[B, C, h, w]`.
  public let initialLatents: Tensor
  /// Where the subjects are, including pseudo layouts so far; nil if no scene has subjects.
  public let layout: SubjectLayout?
  /// Number of steps taken so far.
  public private(set) var completedSteps = 0
  /// The error that ended the run before its last step.
  public private(set) var failure: (any Error)?

  private let pipeline: Pipeline
  private var scheduler: any Scheduler
  private let session: HookSession
  private let rows: SceneRows
  private let guidance: Guidance?
  private var generators: [RandomGenerator]
  private let noiseShapes: [[Int]]

  /// - Throws: as ``Pipeline/denoising(_:conditions:observing:)``.
  init(_ pipeline: Pipeline, scenes: [Scene], conditions encoded: [Conditions]?, observing: [any Observing]) throws {
    try pipeline.checkMemory()
    let batch = try SceneBatch(scenes, pipeline: pipeline)
    if let encoded, encoded.count != scenes.count {
      throw PipelineError.invalid(
        "the number of conditions", found: "\(encoded.count)", expected: "\(scenes.count), one set per scene")
    }
    let scheduler = try pipeline.scheduler(of: batch)
    let outline = pipeline.outline(
      of: batch, scenes: scenes, steps: scheduler.timesteps.count, encodes: encoded == nil)
    let encoding = try HookSession(observing, catalog: pipeline.hooks, outline: outline)
    conditions = try encoded ?? scenes.map { try pipeline.conditions(for: $0, in: encoding) }
    for scene in conditions { try pipeline.requireFinite(scene) }
    guidance = Guidance(scenes)
    rows = SceneRows(batch, conditions, pipeline: pipeline, guides: guidance != nil)
    layout = rows.layout
    // The pseudo layout's hook comes last: it observes text attention after hooks that may replace it.
    session =
      try layout?.observer.map { try encoding.joined(by: $0, catalog: pipeline.hooks, outline: outline) } ?? encoding
    (self.pipeline, self.scenes, steps) = (pipeline, scenes, scheduler.timesteps.count)
    noiseShapes = batch.noiseShapes
    var generators = scenes.map { RandomGenerator(seed: $0.seed) }
    initialNoise = .concatenated(
      scenes.indices.map { scenes[$0].initialNoise ?? generators[$0].normal(batch.noiseShapes[$0]) }, axis: 0)
    try pipeline.requireFinite(initialNoise, "the starting noise", from: nil)
    self.generators = generators
    initialLatents = initialNoise * scheduler.initialNoiseSigma
    latents = initialLatents
    self.scheduler = scheduler
  }

  /// Takes one step; nil after the last step, and once a hook has failed.
  public func next() -> DenoisingStep? { failure == nil ? try? advance() : nil }

  /// Takes one step; nil after the last step.
  /// - Throws: the first error of a hook or recorder; `PipelineError.notFinite` if the U-Net's prediction or the new
  ///   latents contain NaN or infinity, in which case ``latents`` remain those of the step before. Any error ends the
  ///   run, and later calls throw it again.
  public func advance() throws -> DenoisingStep? {
    if let failure { throw failure }
    guard completedSteps < steps else { return nil }
    do {
      return try session.during(moment(of: completedSteps)) { try step(completedSteps) }
    } catch {
      failure = error
      throw error
    }
  }

  private func moment(of index: Int) -> Moment {
    let samples = latents.shape[0]
    return Moment(
      .denoising, step: index, rows: guidance == nil ? 0..<samples : samples..<(2 * samples),
      timestep: scheduler.timesteps[index], noiseLevel: scheduler.noiseLevel(at: index))
  }

  private func step(_ index: Int) throws -> DenoisingStep {
    let (timestep, level) = (scheduler.timesteps[index], scheduler.noiseLevel(at: index))
    let scaled = scheduler.scaled(latents, at: index)
    let input = guidance == nil ? scaled : .concatenated([scaled, scaled], axis: 0)
    let prediction = pipeline.denoiser(
      input, timesteps: [timestep], context: rows.context, added: rows.added, residuals: nil)
    let name = "step \(index + 1) of \(steps) (timestep \(timestep))"
    let unfinished = UnfinishedLatents(steps: completedSteps, latents: latents)
    try pipeline.requireFinite(prediction, "the U-Net's prediction in \(name)", from: .unet, unfinished: unfinished)
    let output = guidance?(prediction, noiseLevel: level) ?? prediction
    let original = scheduler.original(output, at: index, sample: latents)
    let observed = pipeline.originalHook.isObserved() ? pipeline.originalHook(original) : nil
    let next = pipeline.latentsHook(
      scheduler.step(
        output, at: index, sample: latents, noise: { self.drawNoise() },
        original: observed == original ? nil : observed))
    try pipeline.requireFinite(next, "the latents after \(name)", from: nil, unfinished: unfinished)
    (latents, predictedOriginal) = (next, observed ?? original)
    completedSteps += 1
    return DenoisingStep(
      index: index, timestep: timestep, noiseLevel: level, prediction: prediction, latents: latents,
      predictedOriginal: observed ?? original)
  }

  /// Decodes latents one sample at a time, within this run's hook session.
  func decode(_ latents: Tensor, progress: (GenerationProgress) -> Void = { _ in }) throws -> Tensor {
    let samples = latents.shape[0]
    return .concatenated(
      try (0..<samples).map { index in
        progress(.decoding(sample: index + 1, of: samples))
        let image = try session.during(Moment(.decoding, subject: "sample \(index)")) {
          pipeline.decode(latents.sliced(axis: 0, index..<(index + 1)))
        }
        try pipeline.requireFinite(
          image, "the decoded image of sample \(index)", from: .vae,
          unfinished: UnfinishedLatents(steps: completedSteps, latents: latents))
        return image
      }, axis: 0)
  }

  /// Noise for schedulers that add noise in each step; each scene draws from its own generator.
  private func drawNoise() -> Tensor {
    .concatenated(noiseShapes.indices.map { generators[$0].normal(noiseShapes[$0]) }, axis: 0)
  }
}
