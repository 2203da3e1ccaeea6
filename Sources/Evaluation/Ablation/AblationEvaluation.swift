import Images
import MSDiffusion
import Tensors
import TrainingData

/// A finished model of an ablation, with the facts about its training that the evaluation needs.
public struct AblatedModel: Sendable {
  /// The variant's name in results.
  public var variant: String
  /// Seed of the training run.
  public var seed: UInt64
  /// The model's folder.
  public var folder: String
  /// The layout options that the model was trained with.
  public var layout: LayoutOptions

  public init(variant: String, seed: UInt64, folder: String, layout: LayoutOptions) {
    (self.variant, self.seed, self.folder, self.layout) = (variant, seed, folder, layout)
  }
}

/// Measures the models of an ablation, all on the same held-out scenes of two subjects. Methods that take a pipeline
/// also throw what the pipeline throws.
public struct AblationEvaluation {
  let evaluator: Evaluator
  let settings: GenerationSettings
  /// Scenes per model.
  let count: Int

  public init(_ evaluator: Evaluator, settings: GenerationSettings, count: Int = 60) {
    (self.evaluator, self.settings, self.count) = (evaluator, settings, count)
  }

  private var scenes: TestScenes { TestScenes(evaluator.world, split: .heldOutIdentities, subjects: 2) }

  /// Measures one model.
  /// - Parameter pipeline: the loaded model.
  /// - Throws: ``EvaluationError/missingPart(folder:part:measure:)`` if the model has no adapter.
  public func row(_ model: AblatedModel, _ pipeline: Pipeline) throws -> AblationResults.Row {
    try row(model.variant, seed: model.seed, pipeline, settings, model.layout)
  }

  /// Measures the base model on the same scenes, with γ = 0.
  /// - Parameter pipeline: any model of the ablation; with γ = 0 all of them generate the same images, since training
  ///   does not change their base.
  /// - Throws: ``EvaluationError/missingPart(folder:part:measure:)`` if the model has no adapter.
  public func baseRow(_ pipeline: Pipeline) throws -> AblationResults.Row {
    var settings = settings
    settings.scale = 0
    return try row(AblationResults.base, seed: 0, pipeline, settings, LayoutOptions())
  }

  private func row(
    _ name: String, seed: UInt64, _ pipeline: Pipeline, _ settings: GenerationSettings,
    _ layout: LayoutOptions
  ) throws -> AblationResults.Row {
    let rows = try evaluator.pairs(
      pipeline, scenes, count: count, settings: settings, layout: layout, anywhere: true,
      label: "-\(name)-\(seed)")
    var values: [AblationResults.Measure: Double] = [:]
    values[.inBox] = rows.mean { $0.subjects.map(\.likeness) }
    values[.anywhere] = rows.mean(\.anywhere)
    values[.product] = rows.mean { [$0.anywhere.reduce(1, *)] }
    values[.each] = rows.rate { $0.subjects.map(\.isNearest) }
    values[.both] = rows.rate { [$0.subjects.allSatisfy(\.isNearest)] }
    values[.text] = rows.compactMap(\.textCosine).mean
    return AblationResults.Row(variant: name, seed: seed, values: values)
  }

  /// The scenes whose images are shown, the same for all models; none has worn clothes.
  public func shownScenes(count: Int = 5) -> [TestScene] {
    var scenes = scenes
    (scenes.includesWorn, scenes.seed) = (false, 1)
    return scenes.indices(count: count).map { scenes[$0] }
  }

  /// Generates one image per scene.
  /// - Parameters:
  ///   - layout: layout options for generating.
  ///   - scale: γ; nil: as in the settings.
  public func images(
    _ scenes: [TestScene], _ pipeline: Pipeline, layout: LayoutOptions = .init(), scale: Float? = nil
  ) throws -> [PixelImage] {
    var settings = settings
    if let scale { settings.scale = scale }
    return try pipeline.generate(
      scenes.map { scene in scene.request(settings).with { $0.layout = layout } }
    ).map(\.image)
  }
}
