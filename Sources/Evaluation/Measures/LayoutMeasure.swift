import Analysis
import Checkpoints
import MSDiffusion
import Tensors
import TrainingData

/// Where the model itself puts subjects while it generates with a pseudo layout: boxes around masks of text attention
/// are compared with the boxes of the request, by the published rule and by variants of it.
struct LayoutMeasure {
  let pipeline: Pipeline
  let settings: GenerationSettings

  /// One row per scene. It has one list per variant, under its name, with the fit of each subject, and these: `16×16`
  /// and the like, the published rule in layers of one size; `silhouettes`, the published rule where attention is the
  /// exact fraction of each position that a subject covers; `whole image`, one box around the whole image for each
  /// subject.
  func rows(_ scenes: [TestScene]) throws -> [SceneRow] {
    var rows = scenes.map { SceneRow(scene: $0.index, values: [:]) }
    let boxes = scenes.map { scene in scene.sample.subjects.map(\.box) }
    func add(_ variant: LayoutVariant, of layers: [Tensor], as name: String) {
      let overlaps = variant.overlaps(layers, with: boxes, side: scenes[0].sample.image.shape[1])
      for row in rows.indices { rows[row].values[name] = overlaps[row] }
    }
    for run in LayoutVariant.runs {
      let layers = try maps(of: scenes, layout: run.layout)
      for variant in LayoutVariant.all where variant.run == run.name { add(variant, of: layers, as: variant.name) }
      if run.layout == .published {
        for (size, own) in Dictionary(grouping: layers, by: { $0.shape[2] }) {
          add(.published, of: own, as: "\(size)×\(size)")
        }
        let silhouettes = Tensor.stacked(
          scenes.map { scene in .stacked(scene.sample.subjects.map(\.silhouette), axis: 0) }, axis: 0)
        let covered = layers.map { layer in
          SubjectRegions.silhouettes(silhouettes).covered(
            height: layer.shape[2], width: layer.shape[3], subjects: layer.shape[1])
        }
        add(.published, of: covered, as: "silhouettes")
      }
    }
    for (row, own) in boxes.enumerated() { rows[row].values["whole image"] = own.map { Double($0.area) } }
    return rows
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
  /// The pseudo layout against the boxes of the request; see `LayoutMeasure`.
  public func layouts(
    _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings
  ) throws -> [SceneRow] {
    guard pipeline.adapter != nil else {
      throw EvaluationError.missingPart(
        folder: pipeline.folder, part: ModelPart.adapter.description, measure: "the pseudo layout")
    }
    let measure = LayoutMeasure(pipeline: pipeline, settings: settings)
    return try rows(
      "pseudo layout", settings: settings.json(pipeline), scenes: scenes, count: count, batch: settings.batch
    ) { try measure.rows($0) }
  }

  /// Whether images at γ = 0 equal those of the base model alone, bit for bit.
  public func zeroScaleIsBase(_ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings)
    throws
    -> Bool
  {
    let batch = scenes.indices(count: count).map { scenes[$0] }
    let off = try pipeline.generate(batch.map { scene in scene.request(settings).with { $0.scale = 0 } })
    let base = try pipeline.generate(batch.map { scene in scene.request(settings).with { $0.subjects = [] } })
    return zip(off, base).allSatisfy { a, b in
      a.images == b.images && a.decoded.values.map(\.bitPattern) == b.decoded.values.map(\.bitPattern)
    }
  }
}
