import Analysis
import Images
import JSON
import MSDiffusion
import Tensors
import TrainingData

/// An emoji scene that a model is measured on.
public struct TestScene: Sendable {
  /// The scene's index in its stream.
  public let index: Int
  public let plan: ScenePlan
  /// The rendered scene with all its annotations.
  public let sample: TrainingSample

  /// The identities of the scene's subjects, in their order.
  public var identities: [Identity] { plan.subjects.map(\.identity) }
  /// The rendered image, `[3, size, size]`, 0…1.
  public var image: Tensor { (sample.image + 1) / 2 }
  /// A caption for the scene's place without subjects, such as “on the beach”; empty for a plain background.
  public var placeCaption: String { plan.backdrop.place?.ending ?? "" }
}

/// The scenes that a model is measured on, numbered and the same for every model. Scenes with a place as a subject, or
/// with two subjects of the same kind, are left out of ``indices(count:)``.
public struct TestScenes: Sendable {
  public let world: EmojiWorld
  /// The split that the scenes are from.
  public var split: Split
  /// Number of subjects per scene, 1…4; rendering a scene with any other number stops the program.
  public var subjects: Int
  /// Whether to include scenes with worn clothes.
  public var includesWorn: Bool
  /// Seed of the stream. The default differs from the seeds of training.
  public var seed: UInt64
  /// Pixels per side of the images.
  public var size: Int

  public init(
    _ world: EmojiWorld, split: Split, subjects: Int, includesWorn: Bool = true, seed: UInt64 = 0x7465_7374,
    size: Int = 64
  ) {
    (self.world, self.split, self.subjects, self.includesWorn) = (world, split, subjects, includesWorn)
    (self.seed, self.size) = (seed, size)
  }

  /// Indices of the first `count` scenes that are not left out.
  public func indices(count: Int) -> [Int] {
    var result: [Int] = []
    var index = 0
    while result.count < count {
      if fits(plan(index)) { result.append(index) }
      index += 1
    }
    return result
  }

  private func plan(_ index: Int) -> ScenePlan {
    world.plan(index, seed: seed, split: split, subjects: subjects...subjects)
  }

  private func fits(_ plan: ScenePlan) -> Bool {
    // Two subjects of the same kind have the same phrase, which would refer to both.
    !plan.combination.hasScene && (includesWorn || !plan.combination.isWorn)
      && Set(plan.subjects.map(\.phrase)).count == plan.subjects.count
  }

  /// Renders the scene with this index, even one that ``indices(count:)`` leaves out.
  public subscript(index: Int) -> TestScene {
    let plan = plan(index)
    return TestScene(index: index, plan: plan, sample: world.sample(plan, size: size, referenceSize: size))
  }
}

/// Settings for the images that a measurement generates.
///
/// Scene settings are available directly: `settings.steps` is `settings.scene.steps`.
@dynamicMemberLookup
public struct GenerationSettings: Sendable, Equatable {
  /// Settings for every scene, except that each scene's seed is its index.
  public var scene: SceneSettings
  /// Scenes per batch.
  public var batch = 16

  /// The settings of measurements that differ from the published ones: 20 steps, no negative prompt, and γ = 1 as in
  /// training.
  public static let measured = SettingsOverlay {
    ($0.steps, $0.negativePrompt, $0.scale) = (20, .some(nil), 1)
  }

  /// An overlay's settings. Settings that it does not contain are as in ``measured``, or else as published.
  public init(_ overlay: SettingsOverlay) {
    scene = .published.overlaid(with: Self.measured).overlaid(with: overlay)
  }

  /// The given settings. Those that are nil are as in ``measured``, or else as published.
  public init(
    steps: Int? = nil, guidance: Float? = nil, guidanceInterval: ClosedRange<Float>? = nil, scale: Float? = nil,
    batch: Int? = nil
  ) {
    self.init(
      SettingsOverlay {
        ($0.steps, $0.guidance, $0.guidanceInterval, $0.scale) = (steps, guidance, guidanceInterval, scale)
      })
    self.batch = batch ?? self.batch
  }

  /// The guidance and γ of a checkpoint's defaults; steps and the negative prompt are those of ``measured``.
  public init(_ defaults: SceneDefaults) {
    let settings = defaults.settings
    self.init(guidance: settings.guidance, guidanceInterval: settings.guidanceInterval, scale: settings.scale)
  }

  public subscript<Value>(dynamicMember path: WritableKeyPath<SceneSettings, Value>) -> Value {
    get { scene[keyPath: path] }
    set { scene[keyPath: path] = newValue }
  }

  /// The settings that images depend on, for result files.
  var json: JSONValue { scene.json }

  /// Reads what ``json`` wrote; missing settings are as in ``measured``, or else as published.
  /// - Throws: `JSONError` if a member is of the wrong type.
  init(_ json: JSONNode) throws {
    self.init()
    scene = try SceneSettings(json: json, defaults: scene)
  }
}

extension TestScene {
  /// The scene as a request to a model: its caption, references, phrases and boxes, with its index as the seed.
  public func request(_ settings: GenerationSettings) -> Scene {
    let subjects = sample.subjects.map { Subject($0.phrase, image: PixelImage($0.reference), box: $0.box) }
    return Scene(sample.caption, subjects: subjects, settings: settings.scene).with { $0.seed = UInt64(index) }
  }

  /// A request for the scene's place without subjects; the seed and thus the noise are the same as in ``request(_:)``.
  public func emptyRequest(_ settings: GenerationSettings) -> Scene {
    request(settings).with { scene in
      scene.prompt = placeCaption
      scene.subjects = []
    }
  }
}
