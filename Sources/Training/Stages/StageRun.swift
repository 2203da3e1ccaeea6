import Analysis
import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TrainingData

/// One stage of the model that ships, in a working folder: its training lies in a folder named after it, finished parts
/// in `model/`.
public struct StageRun {
  public let stage: TrainingStage
  public let plan: TrainingPlan
  /// The folder of the training itself.
  public let folder: String
  private let objective: any TrainingObjective
  /// Writes the stage's parts into a model's folder.
  private let export: (ModelFolder) throws -> Void
  private let model, target: ModelFolder

  /// - Parameters:
  ///   - folder: the working folder; made where it is not there.
  ///   - merges: path of CLIP's `merges.txt`, which the first encoders' vocabulary is cut out of.
  ///   - supervision: of the base: weights of the losses on where words attend.
  ///   - variant: of the adapter's stage: trains this one in a folder of its own, with a model of its own; nil: the
  ///     adapter of the model that ships.
  ///   - data: a folder with one's own samples for base or adapter, as `SampleFolder` reads it; nil: drawn scenes.
  ///   - change: changes the stage's plan, for a shorter trial.
  /// - Throws: ``TrainingError``; `TrainingDataError` without the emoji font or for a folder's samples; ``StageError``; what
  ///   is wrong with earlier stages' parts.
  public init(
    _ stage: TrainingStage, folder: String, merges: String, seed: UInt64 = 1,
    supervision: AttentionTerms = .grounding, variant: AdapterVariant? = nil, data: String? = nil,
    change: (inout TrainingPlan) -> Void = { _ in }
  ) throws {
    let world = try EmojiWorld()
    let source = try data.map { try Self.samples(in: $0, for: stage) } ?? .world(world)
    var plan = stage.plan(seed: seed)
    plan.data = source.hash
    change(&plan)
    (self.stage, self.plan) = (stage, plan)
    self.folder = folder + "/" + (variant?.folder(seed: seed) ?? stage.rawValue)
    let model = ModelFolder(folder + "/model")
    self.model = model
    target = variant.map { ModelFolder("\(folder)/\($0.folder(seed: seed))/model") } ?? model
    switch stage {
    case .vae:
      let weights = RandomSource(seed: seed)
      let vae = try VAE(Scope(weights), VAEConfiguration(JSONNode(SmallModel.vae(), name: "vae")))
      let parameters = weights.inKeyOrder
      let autoencoder = AutoencoderObjective(vae: vae, world: world, seed: seed, parameters: parameters)
      objective = autoencoder
      export = { target in
        let (mean, deviation) = autoencoder.latentMoments()
        try target.write("vae", SmallModel.vae(scale: 1 / deviation, shift: mean), parameters)
      }
    case .clip:
      let vocabulary = try Vocabulary(words: world.words, mergesFile: merges)
      try vocabulary.write(to: model.path("tokenizer"))
      let (textSource, visionSource) = (RandomSource(seed: seed), RandomSource(seed: seed ^ 0x7669_7369))
      let configuration = SmallModel.textEncoder(vocabulary: vocabulary.pieces.count)
      let text = try CLIPTextEncoder(Scope(textSource), .init(JSONNode(configuration, name: "text_encoder")))
      let vision = try CLIPVisionEncoder(
        Scope(visionSource), .init(JSONNode(SmallModel.imageEncoder, name: "image_encoder")))
      let (textWeights, visionWeights) = (textSource.inKeyOrder, visionSource.inKeyOrder)
      Self.beginWithoutBranches(textWeights + visionWeights, ending: ["out_proj.weight", "fc2.weight"])
      for parameter in textWeights where parameter.key.hasSuffix("token_embedding.weight") {
        // Of deviation 1: words stay apart through all layers, also those whose looks are alike.
        parameter.value = parameter.value * Float(parameter.shape[1]).squareRoot()
      }
      objective = ContrastiveObjective(
        text: text, vision: vision, tokenizer: try CLIPTokenizer(folder: model.path("tokenizer")),
        processor: try CLIPImageProcessor(JSONNode(SmallModel.imageProcessor, name: "image_processor")), world: world,
        seed: seed, parameters: textWeights + visionWeights)
      export = { target in
        try target.write("text_encoder", configuration, textWeights)
        try target.write("image_encoder", SmallModel.imageEncoder, visionWeights)
        try SmallModel.imageProcessor.write(to: target.path("image_encoder/preprocessor_config.json"))
      }
    case .base:
      let weights = RandomSource(seed: seed)
      let unet = try UNet(Scope(weights), UNetConfiguration(JSONNode(SmallModel.unet, name: "unet")))
      let parameters = weights.inKeyOrder
      // The prediction begins as nothing, too.
      Self.beginWithoutBranches(parameters, ending: ["conv_out.weight", "conv2.weight", "proj_out.weight"])
      objective = DenoisingObjective(
        loss: DenoisingLoss(
          unet, diffusion: try Self.diffusion(), attention: supervision),
        frozen: try model.frozen(withVision: false), source: source, seed: seed,
        dropping: ConditionDropping(image: 0, text: 0.1, both: 0, grounding: 0), parameters: parameters)
      export = { target in
        try target.write("unet", SmallModel.unet, parameters)
        try target.writeScheduler()
      }
    case .adapter:
      let adapter = try AdapterStage(
        variant ?? .full, model: model, source: source, diffusion: try Self.diffusion(), seed: seed)
      objective = adapter.objective
      export = { target in try adapter.export(to: target) }
    }
  }

  /// One's own samples; each has to show somebody, and only what follows the encoders is trained on them.
  private static func samples(in folder: String, for stage: TrainingStage) throws -> SampleSource {
    guard stage == .base || stage == .adapter else { throw StageError.ownData(stage: stage) }
    let samples = try SampleFolder(folder)
    if let line = samples.firstWithoutSubjects { throw StageError.nobody(folder: folder, line: line) }
    return .folder(samples)
  }

  /// Makes residual branches begin as nothing, so that what goes in comes out at first.
  /// - Parameter endings: how the keys of their last weights end.
  private static func beginWithoutBranches(_ parameters: [Parameter], ending endings: [String]) {
    for parameter in parameters where endings.contains(where: parameter.key.hasSuffix) {
      parameter.value = .zeros(parameter.shape)
    }
  }

  /// Copies what a stage builds on from a model that has it, as far as the working folder lacks it: so one stage can be
  /// trained without the earlier ones.
  /// - Throws: ``StageError/notCopied(part:reason:)``.
  public static func takeParts(before stage: TrainingStage, into folder: String, from model: String) throws {
    let earlier =
      TrainingStage.allCases.prefix { $0 != stage }.flatMap(\.parts) + (stage == .adapter ? ["model_index.json"] : [])
    let (files, target) = (FileManager.default, folder + "/model")
    for part in earlier where !files.fileExists(atPath: target + "/" + part) {
      guard files.fileExists(atPath: model + "/" + part) else { continue }
      do {
        try files.createDirectory(atPath: target, withIntermediateDirectories: true)
        try files.copyItem(atPath: model + "/" + part, toPath: target + "/" + part)
      } catch {
        throw StageError.notCopied(part: model + "/" + part, reason: error.localizedDescription)
      }
    }
  }

  private static func diffusion() throws -> DiffusionLoss {
    let configuration = try SchedulerConfiguration(JSONNode(SmallModel.scheduler, name: "scheduler"))
    return DiffusionLoss(NoiseSchedule(configuration), weighting: .minSNR(gamma: 5))
  }

  /// Trains until the plan is done or somebody cancels; a finished stage leaves its parts, averaged, in `model/`.
  public func run(
    cancellation: Cancellation? = nil, progress: (TrainingProgress) -> Void = { _ in }
  ) throws -> Trainer.Outcome {
    let trainer = try Trainer(objective, plan, folder: URL(fileURLWithPath: folder))
    let outcome = try trainer.run(cancellation: cancellation, progress: progress)
    if outcome.isFinished { try trainer.withAverages { try export(target) } }
    return outcome
  }

  /// Leaves the stage's parts in `model/` with the weights as they are now: those that a training begins with.
  package func exportUntrained() throws { try export(target) }

  /// A whole model in a folder of its own, as the training stands: the newest checkpoint's averages, and earlier stages'
  /// parts. It may be asked for while the training runs.
  /// - Returns: Steps done.
  /// - Throws: ``StageError/noCheckpoint(folder:)``; what is wrong with the checkpoint.
  public func writeSnapshot(to path: String) throws -> Int {
    guard let checkpoint = TrainingCheckpoint.newest(in: folder) else {
      throw StageError.noCheckpoint(folder: folder)
    }
    try checkpoint.load(into: objective.parameters)
    let snapshot = ModelFolder(path)
    try snapshot.link(to: model, except: Set(stage.parts))
    try export(snapshot)
    return checkpoint.step
  }
}

extension RandomSource {
  /// All weights asked for, sorted by key.
  var inKeyOrder: [Parameter] { parameters.sorted { $0.key < $1.key }.map(\.value) }
}
