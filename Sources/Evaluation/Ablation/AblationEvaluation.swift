import Checkpoints
import Images
import MSDiffusion
import Tensors
import Training
import TrainingData

/// Measures the trainings of an ablation, all on the same held-out scenes of two subjects.
public struct AblationEvaluation {
  let evaluator: Evaluator
  /// The working folder that they were trained in.
  let folder: String
  let settings: GenerationSettings
  /// Scenes each.
  let count: Int

  public init(_ evaluator: Evaluator, folder: String, settings: GenerationSettings, count: Int = 60) {
    (self.evaluator, self.folder, self.settings, self.count) = (evaluator, folder, settings, count)
  }

  private var scenes: TestScenes { TestScenes(evaluator.world, split: .heldOutIdentities, subjects: 2) }

  /// A variant's model; nil where it was not trained to its end.
  public func pipeline(_ variant: AdapterVariant, seed: UInt64) throws -> Pipeline? {
    let path = "\(folder)/\(variant.folder(seed: seed))/model"
    return ModelFolder(path).has(.adapter) ? try Pipeline(path) : nil
  }

  /// The means of one training.
  public func row(_ variant: AdapterVariant, seed: UInt64, _ pipeline: Pipeline) throws -> AblationResults.Row {
    try row(variant.rawValue, seed: seed, pipeline, settings, variant.layout)
  }

  /// The base alone: the same scenes at γ = 0, which makes them those of any variant whose base is frozen.
  public func baseRow(_ pipeline: Pipeline) throws -> AblationResults.Row {
    var settings = settings
    settings.scale = 0
    return try row(AblationResults.base, seed: 0, pipeline, settings, LayoutOptions())
  }

  private func row(
    _ name: String, seed: UInt64, _ pipeline: Pipeline, _ settings: GenerationSettings,
    _ attention: LayoutOptions
  ) throws -> AblationResults.Row {
    let rows = try evaluator.pairs(
      pipeline, scenes, count: count, settings: settings, attention: attention, anywhere: true,
      label: "-\(name)-\(seed)")
    var values: [AblationResults.Measure: Double] = [:]
    values[.inBox] = rows.mean("likeness")
    values[.anywhere] = rows.mean("anywhere")
    values[.product] = Self.mean(rows.compactMap { $0.values["anywhere"]?.reduce(1, *) })
    values[.each] = rows.mean("recognised")
    values[.both] = Self.mean(rows.compactMap { $0.values["recognised"]?.min() })
    values[.text] = rows.mean("clip.text")
    return AblationResults.Row(variant: name, seed: seed, values: values)
  }

  private static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Scenes that all variants are shown on.
  public func shownScenes(count: Int = 5) -> [TestScene] {
    var scenes = scenes
    (scenes.includesWorn, scenes.seed) = (false, 1)
    return scenes.indices(count: count).map { scenes[$0] }
  }

  /// Images of these scenes.
  public func images(
    _ scenes: [TestScene], _ pipeline: Pipeline, attention: LayoutOptions = .init(), scale: Float? = nil
  ) throws -> [PixelImage] {
    var settings = settings
    if let scale { settings.scale = scale }
    return try pipeline.generate(
      scenes.map { scene in scene.request(settings).with { $0.layout = attention } }
    ).map(\.image)
  }
}
