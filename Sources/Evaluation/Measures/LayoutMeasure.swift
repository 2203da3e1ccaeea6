import Analysis
import Checkpoints
import MSDiffusion
import Tensors
import TrainingData

/// Measures where the model itself puts subjects while it generates with a pseudo layout. Masks are made from text
/// attention, by the published rule and by variants of it; the boxes around them are compared with the requested boxes.
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

  /// The exact fraction of each position that each subject covers, in the shapes of the given maps.
  private static func silhouettes(_ scenes: [TestScene], like maps: [Tensor]) -> [Tensor] {
    let silhouettes = Tensor.stacked(
      scenes.map { scene in .stacked(scene.sample.subjects.map(\.silhouette), axis: 0) }, axis: 0)
    return maps.map { map in
      SubjectRegions.silhouettes(silhouettes).covered(height: map.shape[2], width: map.shape[3], subjects: map.shape[1])
    }
  }

  /// The text maps at the end of a generation, one tensor `[B, R, h, w]` per layer.
  private func maps(of scenes: [TestScene], layout: PseudoLayout) throws -> [Tensor] {
    let requests = scenes.map { scene in
      scene.request(settings).with { $0.layout.pseudoLayout = layout }
    }
    let run = try pipeline.denoising(requests)
    while try run.advance() != nil {}
    guard let layout = run.layout else { return [] }
    // The unconditional half, which has no phrases, comes first.
    return pipeline.denoiser.crossAttentionLayers.compactMap { layout.textMaps(inLayer: $0.name) }.map { maps in
      maps.sliced(axis: 0, maps.shape[0] - scenes.count..<maps.shape[0])
    }
  }
}

extension Evaluator {
  /// Generates scenes with a pseudo layout and compares the boxes that it finds with the requested boxes.
  /// - Throws: ``EvaluationError/missingPart(folder:part:measure:)`` if the model has no adapter; what the pipeline
  ///   throws.
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

  /// Whether every scene's image with γ = 0 equals, bit for bit, its image without subjects, which the base model alone
  /// generates.
  /// - Throws: what the pipeline throws.
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
