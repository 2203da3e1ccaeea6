import Analysis
import Checkpoints
import MSDiffusion
import Tensors
import TrainingData

/// Measures where the model itself puts subjects while it generates with a pseudo layout. Boxes around masks of text
/// attention are compared with the requested boxes, by the published rule and by variants of it.
struct LayoutMeasure {
  let pipeline: Pipeline
  let settings: GenerationSettings

  /// Generates an image for each scene and measures its maps.
  /// - Returns: one row per scene.
  func rows(_ scenes: [TestScene]) throws -> [LayoutRow] {
    let boxes = scenes.map { scene in scene.sample.subjects.map(\.box) }
    let side = scenes[0].sample.image.shape[1]
    var rows = zip(scenes, boxes).map { scene, boxes in
      LayoutRow(scene: scene.index, wholeImage: boxes.map { Double($0.area) })
    }
    for run in LayoutVariant.runs {
      let maps = try maps(of: scenes, layout: run.layout)
      for variant in LayoutVariant.all where variant.run == run.name {
        let fits = variant.overlaps(maps, with: boxes, side: side)
        for index in rows.indices { rows[index].variants[variant.name] = fits[index] }
      }
      guard run.layout == .published else { continue }
      for (height, layers) in Dictionary(grouping: maps, by: { $0.shape[2] }) {
        let fits = LayoutVariant.published.overlaps(layers, with: boxes, side: side)
        for index in rows.indices { rows[index].heights[height] = fits[index] }
      }
      let fits = LayoutVariant.published.overlaps(Self.silhouettes(scenes, like: maps), with: boxes, side: side)
      for index in rows.indices { rows[index].silhouettes = fits[index] }
    }
    return rows
  }

  /// The exact fraction of each position that each subject covers, with the shapes of the given maps.
  private static func silhouettes(_ scenes: [TestScene], like maps: [Tensor]) -> [Tensor] {
    let silhouettes = Tensor.stacked(
      scenes.map { scene in .stacked(scene.sample.subjects.map(\.silhouette), axis: 0) }, axis: 0)
    return maps.map { map in
      SubjectRegions.silhouettes(silhouettes).covered(height: map.shape[2], width: map.shape[3], subjects: map.shape[1])
    }
  }

  /// Text maps of all layers at the end of a generation, `[B, R, h, w]`.
  private func maps(of scenes: [TestScene], layout: PseudoLayout) throws -> [Tensor] {
    let requests = scenes.map { scene in
      scene.request(settings).with { $0.layout.pseudoLayout = layout }
    }
    let run = try pipeline.denoising(requests)
    while let step = try run.advance() {
      guard step.latents.isFinite else { throw PipelineError.notFinite(place: "denoising step \(step.index)") }
    }
    guard let layout = run.layout else { return [] }
    // The unconditional half, which has no phrases, comes first.
    return pipeline.denoiser.crossAttentionLayers.compactMap { layout.textMaps(inLayer: $0.name) }.map { maps in
      maps.sliced(axis: 0, maps.shape[0] - scenes.count..<maps.shape[0])
    }
  }
}

extension Evaluator {
  /// Compares the pseudo layout with the requested boxes; see `LayoutMeasure`.
  public func layouts(
    _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings
  ) throws -> [LayoutRow] {
    guard pipeline.adapter != nil else {
      throw EvaluationError.missingPart(
        folder: pipeline.folder, part: ModelPart.adapter.description, measure: "the pseudo layout")
    }
    let measure = LayoutMeasure(pipeline: pipeline, settings: settings)
    return try rows(
      "pseudo layout", settings: settings.json(pipeline), scenes: scenes, count: count, batch: settings.batch
    ) { try measure.rows($0) }
  }

  /// Whether images at γ = 0 equal the base model's images without subjects, bit for bit.
  public func zeroScaleIsBase(_ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings)
    throws
    -> Bool
  {
    let batch = scenes.indices(count: count).map { scenes[$0] }
    let unscaled = try pipeline.generate(batch.map { scene in scene.request(settings).with { $0.scale = 0 } })
    let base = try pipeline.generate(batch.map { scene in scene.request(settings).with { $0.subjects = [] } })
    return zip(unscaled, base).allSatisfy { a, b in
      a.images == b.images && a.decoded.values.map(\.bitPattern) == b.decoded.values.map(\.bitPattern)
    }
  }
}
