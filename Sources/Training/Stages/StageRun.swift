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
  ///   - variant: of the adapter's stage: trains this one in a folder of its own, with a model of its own; nil: the
  ///     adapter of the model that ships.
  ///   - change: changes the stage's plan, for a shorter trial.
  /// - Throws: ``TrainingError``; `TrainingDataError` without the emoji font; what is wrong with earlier stages' parts.
  public init(
    _ stage: TrainingStage, folder: String, merges: String, seed: UInt64 = 1, grounding: Bool = true,
    variant: AdapterVariant? = nil, change: (inout TrainingPlan) -> Void = { _ in }
  ) throws {
    var plan = stage.plan(seed: seed)
    change(&plan)
    (self.stage, self.plan) = (stage, plan)
    self.folder = folder + "/" + (variant?.folder(seed: seed) ?? stage.rawValue)
    let world = try EmojiWorld()
    let model = ModelFolder(folder + "/model")
    self.model = model
    target = variant.map { ModelFolder("\(folder)/\($0.folder(seed: seed))/model") } ?? model
    switch stage {
    case .vae:
      let source = RandomSource(seed: seed)
      let vae = try VAE(Scope(source), VAEConfiguration(JSONNode(SmallModel.vae(), name: "vae")))
      let parameters = source.inKeyOrder
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
      objective = ContrastiveObjective(
        text: text, vision: vision, tokenizer: try CLIPTokenizer(folder: model.path("tokenizer")),
        processor: try CLIPImageProcessor(JSONNode(SmallModel.imageProcessor, name: "image_processor")), world: world,
        seed: seed, parameters: textSource.inKeyOrder + visionSource.inKeyOrder)
      export = { target in
        try target.write("text_encoder", configuration, textSource.inKeyOrder)
        try target.write("image_encoder", SmallModel.imageEncoder, visionSource.inKeyOrder)
        try SmallModel.imageProcessor.write(to: target.path("image_encoder/preprocessor_config.json"))
      }
    case .base:
      let source = RandomSource(seed: seed)
      let unet = try UNet(Scope(source), UNetConfiguration(JSONNode(SmallModel.unet, name: "unet")))
      let parameters = source.inKeyOrder
      for parameter in parameters
      where ["conv_out.weight", "conv2.weight", "proj_out.weight"].contains(where: parameter.key.hasSuffix) {
        // Residual branches begin as nothing, and so does the prediction.
        parameter.value = .zeros(parameter.shape)
      }
      objective = DenoisingObjective(
        loss: DenoisingLoss(
          unet, diffusion: try Self.diffusion(), attention: grounding ? .grounding : .none),
        frozen: try model.frozen(withVision: false), world: world, seed: seed,
        dropping: ConditionDropping(image: 0, text: 0.1, both: 0, grounding: 0), parameters: parameters)
      export = { target in
        try target.write("unet", SmallModel.unet, parameters)
        try target.writeScheduler()
      }
    case .adapter:
      let adapter = try AdapterStage(
        variant ?? .full, model: model, world: world, diffusion: try Self.diffusion(), seed: seed)
      objective = adapter.objective
      export = { target in try adapter.export(to: target) }
    }
  }

  private static func diffusion() throws -> DiffusionLoss {
    let configuration = try SchedulerConfiguration(JSONNode(SmallModel.scheduler, name: "scheduler"))
    return DiffusionLoss(NoiseSchedule(configuration), weighting: .minSNR(gamma: 5))
  }

  /// Trains until the plan is done or somebody cancels; a finished stage leaves its parts, averaged, in `model/`.
  public func run(
    cancellation: TrainingCancellation? = nil, progress: (TrainingProgress) -> Void = { _ in }
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
