import Analysis
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TrainingData

// Axes: B scenes, R subjects in a scene, h and w are the height and width of a layer's feature map, S is the image's
// side.

/// Measures which pixels attend to each word in rendered scenes with added noise: each phrase's heatmap is compared
/// with its subject's silhouette.
struct AttentionMeasure {
  let pipeline: Pipeline
  /// The timesteps of the noise, around the middle of the schedule; maps are averaged over them.
  static let timesteps = [400, 500, 600]
  /// Number of thresholds in a curve, from 0 to 1.
  static let thresholds = 41

  /// - Throws: `EvaluationError.unsupported` for a U-Net with added conditions.
  init(_ pipeline: Pipeline) throws {
    guard pipeline.unet.configuration.addedConditions == nil else {
      throw EvaluationError.unsupported(
        folder: pipeline.folder, what: "the attention measure", expected: "a U-Net without added conditions",
        found: "one with SDXL's conditions")
    }
    self.pipeline = pipeline
  }

  /// Measures each scene's maps.
  /// - Returns: one row per scene.
  func rows(_ scenes: [TestScene]) throws -> [AttentionRow] {
    let context = Tensor.stacked(scenes.map { scene in encodedText(scene.sample.caption) }, axis: 0)
    var rows = scenes.map { scene in
      AttentionRow(
        scene: scene.index, areas: scene.sample.subjects.map { Double(Self.mask($0).mean().item) }, pointing: [])
    }
    for scale in pipeline.adapter == nil ? [0] : [0, 1] as [Float] {
      let maps = try maps(scenes, context: context, scale: scale)
      for (layers, fused) in Self.fused(maps, side: scenes[0].sample.image.shape[1]) {
        for (index, scene) in scenes.enumerated() {
          let sceneMaps = fused.sliced(axis: 0, index..<index + 1)
          rows[index].pointing.append(pointing(of: sceneMaps, scene, scale: scale, layers: layers))
        }
      }
    }
    return rows
  }

  private func encodedText(_ prompt: String) -> Tensor {
    var warnings: [String] = []
    return pipeline.encode(prompt: prompt, as: "prompt", warnings: &warnings).text
  }

  /// One tensor of maps per layer, `[B, R, h, w]`: the mean over heads, the phrase's tokens and the timesteps.
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

  /// Maps at the image's size, `[B, R, S, S]`: the maps of all layers, fused in every way, and the mean of the maps of
  /// each size.
  private static func fused(_ maps: [Tensor], side: Int) -> [(layers: AttentionRow.Layers, maps: Tensor)] {
    let size = (side, side)
    return LayerFusion.allCases.map { (.all($0), $0(maps, size: size)) }
      + Set(maps.map { $0.shape[2] }).sorted(by: >).map { height in
        (.height(height), LayerFusion.uniform(maps.filter { $0.shape[2] == height }, size: size))
      }
  }

  /// 1 where a subject covers more than half of a pixel, 0 elsewhere.
  private static func mask(_ subject: TrainingSubject) -> Tensor {
    Tensor(subject.silhouette.values.map { $0 > 0.5 ? 1 : 0 }, shape: subject.silhouette.shape)
  }

  /// Compares one scene's maps, `[1, R, S, S]`, with its silhouettes.
  private func pointing(
    of maps: Tensor, _ scene: TestScene, scale: Float, layers: AttentionRow.Layers
  ) -> AttentionRow.Pointing {
    let subjects = scene.sample.subjects.enumerated().map { index, subject in
      let map = maps.sliced(axis: 1, index..<index + 1).reshaped(Array(maps.shape.suffix(2)))
      return (map: map, mask: Self.mask(subject))
    }
    // A completely hidden subject has no silhouette to compare with.
    let visible = subjects.filter { $0.mask.maximum().item > 0 }
    return AttentionRow.Pointing(
      scale: scale, layers: layers, hits: subjects.map { pointingHit(of: $0.map, inside: $0.mask) },
      overlaps: (try? ThresholdCurve(visible, count: Self.thresholds))?.meanOverlaps ?? [])
  }
}

extension Evaluator {
  /// Measures which pixels attend to each word, in rendered scenes with added noise: each phrase's heatmap is compared
  /// with its subject's silhouette. No image is generated.
  /// - Parameter label: suffix of the measure's name, which is also the name of the file with its rows.
  /// - Throws: ``EvaluationError/unsupported(folder:what:expected:found:)`` for a U-Net with added conditions; what the
  ///   pipeline throws.
  public func attention(_ pipeline: Pipeline, _ scenes: TestScenes, count: Int, label: String = "")
    throws -> [AttentionRow]
  {
    let measure = try AttentionMeasure(pipeline)
    return try rows(
      "attention" + label, settings: ["model": .string(pipeline.hash())], scenes: scenes, count: count, batch: 20
    ) { try measure.rows($0) }
  }
}
