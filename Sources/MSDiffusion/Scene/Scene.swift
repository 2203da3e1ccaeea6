import Analysis
import Images
import Models
import Tensors

/// A request: everything that one generation depends on, except the model. It is a plain value that can be written to
/// JSON and read back without loss; ``json(in:)`` describes the format.
///
/// Settings can be accessed through the scene: `scene.steps` is `scene.settings.steps`.
@dynamicMemberLookup
public struct Scene: Sendable, Equatable {
  public var prompt: String
  public var subjects: [Subject]
  public var settings: SceneSettings
  /// How subjects are confined to their regions.
  public var layout: LayoutOptions
  /// The starting noise; nil: noise is drawn from the seed.
  public var noise: InitialNoise?

  /// All noise levels σ, from 0 to infinity.
  public static let everyNoiseLevel: ClosedRange<Float> = 0 ... .infinity

  public init(
    _ prompt: String, subjects: [Subject] = [], settings: SceneSettings, layout: LayoutOptions = LayoutOptions(),
    noise: InitialNoise? = nil
  ) {
    (self.prompt, self.subjects, self.settings) = (prompt, subjects, settings)
    (self.layout, self.noise) = (layout, noise)
  }

  /// A scene with the published settings, except for the settings that are given.
  public init(
    _ prompt: String, subjects: [Subject] = [], negativePrompt: String? = SceneSettings.published.negativePrompt,
    height: Int? = SceneSettings.published.height, width: Int? = SceneSettings.published.width,
    steps: Int = SceneSettings.published.steps, guidance: Float = SceneSettings.published.guidance,
    guidanceInterval: ClosedRange<Float> = SceneSettings.published.guidanceInterval,
    scheduler: SchedulerKind? = SceneSettings.published.scheduler, seed: UInt64 = SceneSettings.published.seed,
    initialNoise: Tensor? = nil, samples: Int = SceneSettings.published.samples,
    scale: Float = SceneSettings.published.scale, pseudoLayout: PseudoLayout? = LayoutOptions().pseudoLayout,
    dropsGrounding: Bool = SceneSettings.published.dropsGrounding
  ) {
    self.init(prompt, subjects: subjects, settings: .published, noise: initialNoise.map { InitialNoise($0) })
    settings.negativePrompt = negativePrompt
    (settings.height, settings.width, settings.steps) = (height, width, steps)
    (settings.guidance, settings.guidanceInterval) = (guidance, guidanceInterval)
    (settings.scheduler, settings.seed, settings.samples) = (scheduler, seed, samples)
    (settings.scale, settings.dropsGrounding) = (scale, dropsGrounding)
    layout.pseudoLayout = pseudoLayout
  }

  public subscript<Value>(dynamicMember path: WritableKeyPath<SceneSettings, Value>) -> Value {
    get { settings[keyPath: path] }
    set { settings[keyPath: path] = newValue }
  }

  /// The tensor of ``noise``. Setting it removes the reference to a file.
  public var initialNoise: Tensor? {
    get { noise?.tensor }
    set { noise = newValue.map { InitialNoise($0) } }
  }

  /// The subjects' phrases, in the order of the subjects.
  public var phrases: [String] { subjects.map(\.phrase) }

  /// A copy of the scene with changes.
  public func with(_ change: (inout Scene) -> Void) -> Scene {
    var scene = self
    change(&scene)
    return scene
  }

  /// Checks everything that can be checked without the model.
  /// - Throws: `PipelineError`, `AnalysisError.invalidBox`.
  func check() throws {
    for (index, subject) in subjects.enumerated() { try subject.check(number: index + 1) }
    if subjects.contains(where: { $0.scale != nil }), let without = subjects.firstIndex(where: { $0.scale == nil }) {
      throw PipelineError.invalid(
        "the scale of subject \(without + 1)", found: "missing", expected: "a scale for every subject, or for none")
    }
    try settings.check()
  }
}
