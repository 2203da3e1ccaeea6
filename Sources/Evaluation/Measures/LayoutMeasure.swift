import Analysis
import MSDiffusion
import Tensors
import TrainingData

/// Where the model itself puts subjects while it generates with a pseudo layout: masks of text attention against the boxes of
/// the request, by the published rule and by variants of it.
struct LayoutMeasure {
  let pipeline: Pipeline
  let settings: GenerationSettings

  /// One list a variant, by its name, with the fit of each subject.
  func rows(_ scenes: [TestScene]) throws -> [SceneRow] {
    let requests = scenes.map { scene in
      scene.request(settings).with { $0.attention.pseudoLayout = .published }
    }
    let recorder = PhraseMapRecorder(spans: try requests.map { try pipeline.spans(of: $0) })
    let run = try pipeline.denoising(requests, watching: [recorder])
    while let step = run.next() {
      guard step.latents.isFinite else { throw PipelineError.notFinite(place: "denoising step \(step.index)") }
    }
    let layers = recorder.layers.map(\.maps)
    let boxes = requests.map { $0.subjects.map(\.box) }
    var rows = scenes.map { SceneRow(scene: $0.index, values: [:]) }
    for variant in LayoutVariant.all {
      let overlaps = variant.overlaps(layers, with: boxes, side: scenes[0].sample.image.shape[1])
      for row in rows.indices { rows[row].values[variant.name] = overlaps[row] }
    }
    // Chance: a layout that says "everywhere", and one that knows only where boxes mostly lie.
    for (row, own) in boxes.enumerated() { rows[row].values["whole image"] = own.map { Double($0.area) } }
    return rows
  }
}

extension Evaluator {
  /// The pseudo layout against the boxes of the request; see ``LayoutMeasure``.
  public func layouts(
    _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings
  ) throws -> [SceneRow] {
    guard pipeline.adapter != nil else {
      throw EvaluationError.missingPart(
        folder: pipeline.folder, part: "ms_adapter.safetensors", measure: "the pseudo layout")
    }
    let measure = LayoutMeasure(pipeline: pipeline, settings: settings)
    return try rows(
      "pseudo layout", settings: settings.json(pipeline), scenes: scenes, count: count, batch: settings.batch
    ) { try measure.rows($0) }
  }

  /// Whether γ = 0 gives the images of the base model alone, to the last bit.
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
