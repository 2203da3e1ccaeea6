import Analysis
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TrainingData

// Axes: B scenes, R subjects of a scene, h and w of a layer's feature map, S image side.

/// Where words attend in drawn scenes with added noise: each phrase's heatmap is compared with its subject's
/// silhouette.
struct AttentionMeasure {
  let pipeline: Pipeline
  /// Timesteps around the middle of the schedule; maps are averaged over them.
  static let timesteps = [400, 500, 600]
  /// Number of thresholds of a curve, in 0…1.
  static let thresholds = 41

  /// - Throws: `EvaluationError.unsupported` for a U-Net with added conditions.
  init(_ pipeline: Pipeline) throws {
    guard pipeline.unet.configuration.addedConditions == nil else {
      throw EvaluationError.unsupported(
        folder: pipeline.folder, what: "the U-Net's added conditions", expected: "none", found: "those of SDXL")
    }
    self.pipeline = pipeline
  }

  /// One row per scene with these lists: `area`, the fraction of the image that each silhouette covers; for γ = 0 and,
  /// with an adapter, γ = 1, `pointing.γ`, one hit or miss per subject, and `overlap.γ`, a curve over thresholds. A
  /// suffix after another dot names a fusion of layers other than their mean.
  func rows(_ scenes: [TestScene]) throws -> [SceneRow] {
    let context = Tensor.stacked(scenes.map { scene in encodedText(scene.sample.caption) }, axis: 0)
    var rows = scenes.map { scene in
      SceneRow(scene: scene.index, values: ["area": scene.sample.subjects.map { Double(Self.mask($0).mean().item) }])
    }
    for scale in pipeline.adapter == nil ? [0] : [0, 1] as [Float] {
      let layers = try maps(scenes, context: context, scale: scale)
      for (name, fused) in Self.fused(layers, side: scenes[0].sample.image.shape[1]) {
        let suffix = (scale == 0 ? ".0" : ".1") + name
        for (row, scene) in scenes.enumerated() { add(fused, row, scene, suffix, &rows[row]) }
      }
    }
    return rows
  }

  private func encodedText(_ prompt: String) -> Tensor {
    var warnings: [String] = []
    return pipeline.encode(prompt: prompt, as: "prompt", warnings: &warnings).text
  }

  /// One map per layer, `[B, R, h, w]`: the mean over heads, the phrase's tokens and the timesteps.
  private func maps(_ scenes: [TestScene], context: Tensor, scale: Float) throws -> [Tensor] {
    let requests = scenes.map { $0.request(GenerationSettings(scale: scale)) }
    let spans = try requests.map { try pipeline.spans(of: $0) }
    let clean = pipeline.vae.scaled(pipeline.vae.encode(.stacked(scenes.map(\.sample.image), axis: 0)).mean)
    let schedule = NoiseSchedule(pipeline.schedulerConfiguration)
    let rows = try scale == 0 ? [] : requests.compactMap { try pipeline.subjectRow(of: $0) }
    let recorder = AttentionRecorder(.text)
    let branch = pipeline.adapter.flatMap { rows.isEmpty ? nil : SubjectBranch($0, rows: rows) }
    let attended = AttentionContext(
      context, for: pipeline.denoiser.crossAttentionLayers, branches: branch.map { [$0] } ?? [])
    let session = try HookSession([recorder], catalog: pipeline.hooks)
    for (step, timestep) in Self.timesteps.enumerated() {
      let noise = Tensor.stacked(
        scenes.map { scene in
          var generator = CounterGenerator(seed: 0x6e6f_6973, sample: scene.index, stream: UInt32(timestep))
          return generator.normal(Array(clean.shape.dropFirst()))
        }, axis: 0)
      let noised = schedule.noised(clean, noise: noise, timesteps: scenes.map { _ in timestep })
      _ = try session.during(Moment(step: step)) {
        pipeline.denoiser(noised, timesteps: [Float(timestep)], context: attended, added: nil, residuals: nil)
      }
    }
    let recorded = try scenes.indices.map { try recorder.maps(sample: $0) }
    return try (recorded.first?.layers ?? []).map { layer in
      .stacked(try zip(recorded, spans).map { try $0.groupMaps($1, inLayer: layer.name) }, axis: 0)
    }
  }

  /// Maps of all layers, fused in several ways, at the image's size, `[B, R, S, S]`. First the mean of all, whose name
  /// is empty; then layers weighted by resolution or concentration; then the mean of the layers of each size.
  private static func fused(_ layers: [Tensor], side: Int) -> [(name: String, maps: Tensor)] {
    let size = (side, side)
    var result = [("", LayerFusion.uniform(layers, size: size))]
    for fusion in [LayerFusion.resolution, .concentration] { result.append((".\(fusion)", fusion(layers, size: size))) }
    for height in Set(layers.map { $0.shape[2] }).sorted(by: >) {
      let some = layers.filter { $0.shape[2] == height }
      result.append((".\(height)", LayerFusion.uniform(some, size: size)))
    }
    return result
  }

  /// 1 where a subject is visible, 0 elsewhere.
  private static func mask(_ subject: TrainingSubject) -> Tensor {
    Tensor(subject.silhouette.values.map { $0 > 0.5 ? 1 : 0 }, shape: subject.silhouette.shape)
  }

  private func add(_ maps: Tensor, _ row: Int, _ scene: TestScene, _ suffix: String, _ result: inout SceneRow) {
    let own = maps.sliced(axis: 0, row..<row + 1)
    var pairs: [(map: Tensor, mask: Tensor)] = []
    for (index, subject) in scene.sample.subjects.enumerated() {
      let map = own.sliced(axis: 1, index..<index + 1).reshaped(Array(maps.shape.suffix(2)))
      pairs.append((map, Self.mask(subject)))
      result.values["pointing" + suffix, default: []].append(pointingHit(of: map, inside: pairs[index].mask))
    }
    // A completely hidden subject has no silhouette to compare with.
    pairs.removeAll { $0.mask.maximum().item == 0 }
    result.values["overlap" + suffix] = (try? ThresholdCurve(pairs, count: Self.thresholds))?.meanOverlaps
  }
}

extension Evaluator {
  /// Where words attend; see `AttentionMeasure`.
  public func attention(_ pipeline: Pipeline, _ scenes: TestScenes, count: Int, label: String = "") throws -> [SceneRow]
  {
    let measure = try AttentionMeasure(pipeline)
    return try rows(
      "attention" + label, settings: ["model": .string(pipeline.hash())], scenes: scenes, count: count, batch: 20
    ) { try measure.rows($0) }
  }
}
