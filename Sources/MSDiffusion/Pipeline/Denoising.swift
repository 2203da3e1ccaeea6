import Analysis
import Foundation
import Layers
import Models
import Tensors

// Axes: B samples of all scenes, C channels, h and w latent height and width.

/// What one denoising step made.
public struct DenoisingStep: Sendable {
  /// Counted from 0.
  public let index: Int
  public let timestep: Float
  /// Deviation of noise over that of the signal before the step.
  public let noiseLevel: Float
  /// The U-Net's output before guidance, the unconditional half first: `[2·B, C, h, w]`, or `[B, …]` without guidance.
  public let prediction: Tensor
  /// Latents after the step, `[B, C, h, w]`.
  public let latents: Tensor
  /// The clean latents that the step predicts, `[B, C, h, w]`.
  public let predictedOriginal: Tensor
}

/// The steps of one generation, taken one by one as the caller asks for them.
///
/// A plain sequence: a loop over it may look at every step, stop early, or leave the loop and go on later.
public final class Denoising: Sequence, IteratorProtocol {
  public let scenes: [Scene]
  public let steps: Int
  /// The latents so far, `[B, C, h, w]`.
  public private(set) var latents: Tensor
  /// The latest prediction of clean latents; nil before the first step.
  public private(set) var predictedOriginal: Tensor?
  /// The unit noise the run began with, `[B, C, h, w]`.
  public let initialNoise: Tensor
  /// The latents that the run began with: the noise at the scheduler's first level, `[B, C, h, w]`.
  public let initialLatents: Tensor
  /// Multi-subject attention and its pseudo layouts; nil without subjects.
  public let subjects: SubjectAttentionRun?
  public private(set) var completedSteps = 0

  private let pipeline: Pipeline
  private var scheduler: any Scheduler
  private let session: HookSession
  private let context: Tensor
  private let added: UNet.AddedConditions?
  private let guidance: Guidance?
  private var generators: [RandomGenerator]
  private let noiseShapes: [[Int]]

  /// - Throws: `SchedulerError` for a number of steps, `HookError` for hooks that match nothing.
  init(_ pipeline: Pipeline, _ batch: SceneBatch, conditions: [Conditions], watching: [any Watching]) throws {
    let scenes = batch.scenes
    let scheduler = try pipeline.scheduler(of: batch)
    guidance = Guidance(scenes)
    let rows = SceneRows(batch, conditions, pipeline: pipeline, guides: guidance != nil)
    (self.pipeline, self.scenes, steps) = (pipeline, scenes, scheduler.timesteps.count)
    session = try HookSession(
      watching, catalog: pipeline.hooks, steps: scheduler.timesteps.count,
      grids: pipeline.grids(height: batch.latentHeight, width: batch.latentWidth))
    (context, added, subjects) = (rows.context, rows.added, rows.subjects)
    noiseShapes = batch.noiseShapes
    var generators = scenes.map { RandomGenerator(seed: $0.seed) }
    initialNoise = .concatenated(
      scenes.indices.map { scenes[$0].initialNoise ?? generators[$0].normal(batch.noiseShapes[$0]) }, axis: 0)
    self.generators = generators
    initialLatents = initialNoise * scheduler.initialNoiseSigma
    latents = initialLatents
    self.scheduler = scheduler
  }

  /// Takes one step; nil after the last.
  public func next() -> DenoisingStep? {
    guard completedSteps < steps else { return nil }
    let index = completedSteps
    let samples = latents.shape[0]
    let timestep = scheduler.timesteps[index]
    let moment = Moment(
      step: index, steps: steps, timestep: timestep, noiseLevel: scheduler.noiseLevel(at: index),
      conditionalRows: guidance == nil ? 0..<samples : samples..<(2 * samples))
    return session.during(moment) {
      let scaled = scheduler.scaled(latents, at: index)
      let input = guidance == nil ? scaled : .concatenated([scaled, scaled], axis: 0)
      let prediction = pipeline.unet(
        input, timesteps: [timestep], context: context, added: added, companion: subjects)
      let output = guidance?(prediction, noiseLevel: moment.noiseLevel) ?? prediction
      let original = scheduler.original(output, at: index, sample: latents)
      let shown = pipeline.originalHook.isWatched() ? pipeline.originalHook(original) : nil
      latents = pipeline.latentsHook(
        scheduler.step(
          output, at: index, sample: latents, noise: { self.drawNoise() },
          original: shown == original ? nil : shown))
      predictedOriginal = shown ?? original
      completedSteps += 1
      return DenoisingStep(
        index: index, timestep: timestep, noiseLevel: moment.noiseLevel, prediction: prediction, latents: latents,
        predictedOriginal: shown ?? original)
    }
  }

  /// Noise for schedulers that add some: each scene draws from its own generator.
  private func drawNoise() -> Tensor {
    .concatenated(noiseShapes.indices.map { generators[$0].normal(noiseShapes[$0]) }, axis: 0)
  }
}

/// The rows of a batch: all scenes' samples, the unconditional half first where there is guidance.
struct SceneRows {
  let context: Tensor
  let added: UNet.AddedConditions?
  let subjects: SubjectAttentionRun?

  init(_ batch: SceneBatch, _ conditions: [Conditions], pipeline: Pipeline, guides: Bool) {
    let scenes = batch.scenes
    /// One value per sample, in both halves.
    func rows<Value>(_ conditional: (Int) -> Value, _ unconditional: (Int) -> Value) -> [Value] {
      func half(_ value: (Int) -> Value) -> [Value] {
        scenes.indices.flatMap { index in Array(repeating: value(index), count: scenes[index].samples) }
      }
      return guides ? half(unconditional) + half(conditional) : half(conditional)
    }
    context = .stacked(rows({ conditions[$0].text }, { conditions[$0].negativeText }), axis: 0)
    added =
      pipeline.unet.configuration.addedConditions == nil
      ? nil
      : UNet.AddedConditions(
        pooledText: .stacked(rows({ conditions[$0].pooled }, { conditions[$0].negativePooled }), axis: 0),
        timeIDs: .stacked(
          rows({ _ in batch.timeIDs }, { _ in batch.timeIDs }), axis: 0))
    if let adapter = pipeline.adapter, scenes.contains(where: { !$0.subjects.isEmpty }) {
      let conditional = scenes.indices.map { index in
        SubjectRow(adapter, scene: scenes[index], conditions: conditions[index])
      }
      subjects = SubjectAttentionRun(
        adapter, rows: rows({ conditional[$0] }, { conditional[$0].unconditional }), options: batch.shared.layout)
    } else {
      subjects = nil
    }
  }
}

extension SubjectRow {
  /// The conditional row of a scene.
  init(_ adapter: Adapter, scene: Scene, conditions: Conditions) {
    let tokens = conditions.subjectTokens
    let context =
      scene.subjects.isEmpty
      ? adapter.dummyContext
      : Tensor.concatenated(
        [adapter.dummyContext, tokens.reshaped([tokens.shape[0] * tokens.shape[1], tokens.shape[2]])], axis: 0)
    let scales = scene.subjects.compactMap(\.scale)
    self.init(
      context: context, boxes: scene.subjects.map(\.box), spans: conditions.spans, scale: scene.scale,
      subjectScales: scales.isEmpty ? nil : scales)
  }
}

extension Pipeline {
  /// What a scene brings to multi-subject attention outside a generation; nil without an adapter.
  package func subjectRow(of scene: Scene) throws -> SubjectRow? {
    try adapter.map { SubjectRow($0, scene: scene, conditions: try conditions(for: scene)) }
  }
}
