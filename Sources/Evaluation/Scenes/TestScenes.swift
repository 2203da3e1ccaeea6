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
public struct GenerationSettings: Sendable, Equatable {
  public var steps: Int
  public var guidance: Float
  /// Noise levels at which it acts.
  public var guidanceInterval: ClosedRange<Float>
  /// γ of Eq. 2: 1 as in training.
  public var scale: Float
  /// Scenes that go through the model together.
  public var batch: Int

  public init(
    steps: Int = 20, guidance: Float = 7.5, guidanceInterval: ClosedRange<Float> = Scene.everyNoiseLevel,
    scale: Float = 1, batch: Int = 16
  ) {
    (self.steps, self.guidance, self.guidanceInterval) = (steps, guidance, guidanceInterval)
    (self.scale, self.batch) = (scale, batch)
  }

  /// As a checkpoint's defaults say.
  public init(_ defaults: RequestDefaults, steps: Int = 20) {
    self.init(
      steps: steps, guidance: defaults.guidance, guidanceInterval: defaults.guidanceInterval, scale: defaults.scale)
  }

  /// Entries for a file of results; all that images depend on beside the model and the scene.
  var entries: [(String, JSONValue)] {
    [
      ("steps", JSONValue(steps)), ("guidance", JSONValue(guidance)),
      ("guidance_interval", JSONValue(guidanceInterval)),
      ("scale", JSONValue(scale)),
    ]
  }

  /// - Throws: `JSONError`.
  init(_ json: JSONNode) throws {
    self.init(
      steps: try json["steps"].int(), guidance: try json["guidance"].float(),
      guidanceInterval: try json["guidance_interval"].range(or: Scene.everyNoiseLevel), scale: try json["scale"].float()
    )
  }
}

extension TestScene {
  /// What a model is asked for: caption, references, phrases and boxes of the scene; its number is the seed.
  public func request(_ settings: GenerationSettings) -> Scene {
    Scene(
      sample.caption,
      subjects: sample.subjects.map { Subject($0.phrase, image: PixelImage($0.reference), box: $0.box) },
      negativePrompt: nil, steps: settings.steps, guidance: settings.guidance,
      guidanceInterval: settings.guidanceInterval, seed: UInt64(index), scale: settings.scale)
  }

  /// The same noise without subjects: the place alone.
  public func emptyRequest(_ settings: GenerationSettings) -> Scene {
    request(settings).with { scene in
      scene.prompt = placeCaption
      scene.subjects = []
    }
  }
}
