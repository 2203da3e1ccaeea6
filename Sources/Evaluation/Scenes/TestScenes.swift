import Analysis
import Images
import JSON
import MSDiffusion
import Tensors
import TrainingData

/// A scene of the world that a model is measured on.
public struct TestScene: Sendable {
  /// Its number in its stream.
  public let index: Int
  public let plan: ScenePlan
  /// Drawn, with all that is known of it.
  public let sample: TrainingSample

  /// Who its subjects are.
  public var identities: [Identity] { plan.subjects.map(\.identity) }
  /// The drawn image, 0…1.
  public var image: Tensor { (sample.image + 1) / 2 }
  /// Caption of the place without its subjects; empty for a plain ground.
  public var placeCaption: String { plan.backdrop.place?.ending ?? "" }
}

/// The scenes that a model is measured on: all in which subjects stand by themselves or are worn, none whose subject is the
/// place. Numbered, and the same for every model.
public struct TestScenes: Sendable {
  public let world: EmojiWorld
  /// Which part of the world.
  public var split: Split
  /// Subjects per scene.
  public var subjects: Int
  /// Whether scenes with worn clothes count.
  public var includesWorn: Bool
  /// Of the stream; another than that of any training.
  public var seed: UInt64
  /// Pixels per side.
  public var size: Int

  public init(
    _ world: EmojiWorld, split: Split, subjects: Int, includesWorn: Bool = true, seed: UInt64 = 0x7465_7374,
    size: Int = 64
  ) {
    (self.world, self.split, self.subjects, self.includesWorn) = (world, split, subjects, includesWorn)
    (self.seed, self.size) = (seed, size)
  }

  /// Numbers of the first scenes that fit.
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
    // Twins have the same phrase, which then points to both.
    !plan.combination.hasScene && (includesWorn || !plan.combination.isWorn)
      && Set(plan.subjects.map(\.phrase)).count == plan.subjects.count
  }

  /// Draws a scene.
  public subscript(index: Int) -> TestScene {
    let plan = plan(index)
    return TestScene(index: index, plan: plan, sample: world.sample(plan, size: size, referenceSize: size))
  }
}

/// How images are generated that are measured.
///
/// Settings are reached through it: `settings.steps` is `settings.scene.steps`.
@dynamicMemberLookup
public struct GenerationSettings: Sendable, Equatable {
  /// Settings of every scene; the seed is the scene's number.
  public var scene: SceneSettings
  /// Scenes that go through the model together.
  public var batch = 16

  /// What measures ask for in place of what is published: few steps, no words to keep away from, and γ as in training.
  public static let measured = SettingsOverlay {
    ($0.steps, $0.negativePrompt, $0.scale) = (20, .some(nil), 1)
  }

  /// As an overlay says, and ``measured`` where it says nothing.
  public init(_ overlay: SettingsOverlay) {
    scene = .published.overlaid(with: Self.measured).overlaid(with: overlay)
  }

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

  /// As a checkpoint's defaults say; steps and the negative prompt are those of ``measured``.
  public init(_ defaults: SceneDefaults) {
    let settings = defaults.settings
    self.init(guidance: settings.guidance, guidanceInterval: settings.guidanceInterval, scale: settings.scale)
  }

  public subscript<Value>(dynamicMember path: WritableKeyPath<SceneSettings, Value>) -> Value {
    get { scene[keyPath: path] }
    set { scene[keyPath: path] = newValue }
  }

  /// For a file of results: all that images depend on beside the model and the scene.
  var json: JSONValue { scene.json }

  /// Reads what ``json`` wrote; what is missing is as ``measured``.
  /// - Throws: `JSONError`.
  init(_ json: JSONNode) throws {
    self.init()
    scene = try SceneSettings(json: json, defaults: scene)
  }
}

extension TestScene {
  /// What a model is asked for: caption, references, phrases and boxes of the scene; its number is the seed.
  public func request(_ settings: GenerationSettings) -> Scene {
    let subjects = sample.subjects.map { Subject($0.phrase, image: PixelImage($0.reference), box: $0.box) }
    return Scene(sample.caption, subjects: subjects, settings: settings.scene).with { $0.seed = UInt64(index) }
  }

  /// The same noise without subjects: the place alone.
  public func emptyRequest(_ settings: GenerationSettings) -> Scene {
    request(settings).with { scene in
      scene.prompt = placeCaption
      scene.subjects = []
    }
  }
}
