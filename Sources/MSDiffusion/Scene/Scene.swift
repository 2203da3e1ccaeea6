import Analysis
import Images
import Models
import Tensors

/// A request: everything that one generation depends on beside the model. A plain value, which goes to JSON and back
/// whole; ``json(in:)`` describes the format.
///
/// Settings are reached through the scene: `scene.steps` is `scene.settings.steps`.
@dynamicMemberLookup
public struct Scene: Sendable, Equatable {
  public var prompt: String
  public var subjects: [Subject]
  public var settings: SceneSettings
  /// How subjects are kept apart.
  public var layout: LayoutOptions
  /// Starting noise in place of the seed's.
  public var noise: InitialNoise?

  /// From 0 to infinity.
  public static let everyNoiseLevel: ClosedRange<Float> = 0 ... .infinity

  public init(
    _ prompt: String, subjects: [Subject] = [], settings: SceneSettings, layout: LayoutOptions = LayoutOptions(),
    noise: InitialNoise? = nil
  ) {
    (self.prompt, self.subjects, self.settings) = (prompt, subjects, settings)
    (self.layout, self.noise) = (layout, noise)
  }

  /// A scene with the published settings where nothing else is said.
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

  /// Numbers of ``noise``; what is set comes from no file.
  public var initialNoise: Tensor? {
    get { noise?.tensor }
    set { noise = newValue.map { InitialNoise($0) } }
  }

  public var phrases: [String] { subjects.map(\.phrase) }

  /// The same scene with some of it changed.
  public func with(_ change: (inout Scene) -> Void) -> Scene {
    var scene = self
    change(&scene)
    return scene
  }

  /// Checks what needs no model.
  /// - Throws: `PipelineError`, `AnalysisError.invalidBox`.
  func check() throws {
    for (index, subject) in subjects.enumerated() { try subject.check(number: index + 1) }
    if subjects.contains(where: { $0.scale != nil }), let without = subjects.firstIndex(where: { $0.scale == nil }) {
      throw PipelineError.invalid(
        "scales", found: "none for subject \(without + 1)", expected: "a scale for every subject, or for none")
    }
    try settings.check()
  }
}
