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

  /// - Throws: `PipelineError` for scenes that cannot share a batch, `HookError` for hooks that match nothing.
  init(
    _ pipeline: Pipeline, scenes: [Scene], conditions: [Conditions], watching: [any Watching]
  ) throws {
    let batch = try SceneBatch(scenes, pipeline: pipeline)
    let scheduler = try pipeline.scheduler(for: scenes[0])
    guidance = Guidance(scenes)
    let rows = SceneRows(scenes, conditions, pipeline: pipeline, batch: batch, guides: guidance != nil)
    (self.pipeline, self.scenes, steps) = (pipeline, scenes, scheduler.timesteps.count)
    session = try HookSession(
      watching, catalog: pipeline.hooks, steps: scheduler.timesteps.count,
      grids: pipeline.grids(height: batch.latentHeight, width: batch.latentWidth))
    (context, added, subjects) = (rows.context, rows.added, rows.subjects)
    noiseShapes = batch.noiseShapes
    var generators = scenes.map { RandomGenerator(seed: $0.seed) }
    initialNoise = .concatenated(
      try scenes.indices.map { index in
        guard let given = scenes[index].initialNoise else { return generators[index].normal(batch.noiseShapes[index]) }
        guard given.shape == batch.noiseShapes[index] else {
          throw PipelineError.invalid(
            "initial latents", found: "\(given.shape)", expected: "\(batch.noiseShapes[index])")
        }
        return given
      }, axis: 0)
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

/// What the scenes of one batch have in common.
struct SceneBatch {
  let height, width, latentHeight, latentWidth: Int
  /// Samples of all scenes.
  let samples: Int
  /// Shape of each scene's noise, `[samples, C, h, w]`.
  let noiseShapes: [[Int]]

  /// - Throws: `PipelineError.mixedBatch` where scenes differ in size, steps or scheduler; what `Scene.check` throws.
  init(_ scenes: [Scene], pipeline: Pipeline) throws {
    guard !scenes.isEmpty else {
      throw PipelineError.invalid("scenes", found: "none", expected: "at least one")
    }
    let sizes = scenes.map { ($0.height ?? pipeline.nativeSize, $0.width ?? pipeline.nativeSize) }
    for (scene, size) in zip(scenes, sizes) {
      try scene.check(factor: pipeline.factor, height: size.0, width: size.1)
    }
    func same<Value: Equatable>(_ option: String, _ values: [Value]) throws {
      if values.contains(where: { $0 != values[0] }) {
        throw PipelineError.mixedBatch(option: option, values: values.map { "\($0)" })
      }
    }
    try same("height", sizes.map(\.0))
    try same("width", sizes.map(\.1))
    try same("steps", scenes.map(\.steps))
    try same("scheduler", scenes.map { $0.scheduler.map { "\($0)" } ?? "the checkpoint's" })
    try same("pseudo layout", scenes.map(\.layout.pseudoLayout))
    try same("masked text attention", scenes.map(\.layout.masksText))
    try same("background zeroing", scenes.map(\.layout.zeroesBackground))
    (height, width) = sizes[0]
    (latentHeight, latentWidth) = (height / pipeline.factor, width / pipeline.factor)
    samples = scenes.reduce(0) { $0 + $1.samples }
    let (channels, h, w) = (pipeline.vae.configuration.latentChannels, latentHeight, latentWidth)
    noiseShapes = scenes.map { [$0.samples, channels, h, w] }
  }
}

/// The rows of a batch: all scenes' samples, the unconditional half first where there is guidance.
struct SceneRows {
  let context: Tensor
  let added: UNet.AddedConditions?
  let subjects: SubjectAttentionRun?

  init(_ scenes: [Scene], _ conditions: [Conditions], pipeline: Pipeline, batch: SceneBatch, guides: Bool) {
    /// One value a sample, in both halves.
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
        adapter, rows: rows({ conditional[$0] }, { conditional[$0].unconditional }), options: scenes[0].layout)
    } else {
      subjects = nil
    }
  }
}

extension SceneBatch {
  /// SDXL's micro-conditioning: original height and width, crop corner, target height and width.
  var timeIDs: Tensor {
    Tensor([Float(height), Float(width), 0, 0, Float(height), Float(width)], shape: [6])
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
