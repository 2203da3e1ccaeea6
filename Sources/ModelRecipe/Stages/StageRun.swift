import Analysis
import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import Training
import TrainingData

/// Trains one stage of the bundled model in a working folder. Log and checkpoints are written to a folder named after
/// the stage, finished parts to `model/`. A variant of the adapter has a folder of its own for both.
public struct StageRun {
  public let stage: TrainingStage
  public let plan: TrainingPlan
  /// The folder for the stage's log and checkpoints.
  public let folder: String
  /// Lines about your own samples: one per accepted change of the data, one per phrase that is past the text encoder's
  /// token limit, and one per pair of phrases that share words of their caption. Show these lines before training
  /// begins.
  public let warnings: [String]
  private let objective: any TrainingObjective
  /// Writes the stage's parts into a model folder.
  private let export: (ModelFolder) throws -> Void
  private let model, target: ModelFolder
  /// The data at this start; nil for drawn scenes.
  private let dataRecord: DataRecord?

  /// Prepares the training run. For the stage `clip`, this writes the tokenizer's files.
  /// - Parameters:
  ///   - small: the model to train.
  ///   - folder: the working folder; created if it is missing.
  ///   - merges: path of CLIP's `merges.txt`, from which the stage `clip` takes its vocabulary.
  ///   - supervision: for the stage `base`: weights of the losses on text attention.
  ///   - variant: for the stage `adapter`: the variant to train, in its own folder with its own model; nil: the adapter
  ///     of the bundled model.
  ///   - textAttention: the weights of text cross-attention to train if the variant has a loss on text attention.
  ///   - data: a folder with your own samples for `base` or `adapter`, as `SampleFolder` reads it; nil: drawn scenes.
  ///   - acceptsChangedData: whether a resumed run may continue on data that have changed since its last start.
  ///   - font: the font Noto Color Emoji, which is opened only if scenes are drawn; nil: the font is looked for in the
  ///     usual folders.
  ///   - change: changes the stage's plan, for example for a shorter trial.
  /// - Throws: ``StageError``; `TrainingDataError` or `JSONError` for a faulty data folder; `TrainingError` for data
  ///   that have changed without being accepted; `TrainingDataError` for a missing emoji font; errors in the parts of
  ///   earlier stages.
  public init(
    _ stage: TrainingStage, of small: SmallModel = .first, folder: String, merges: String, seed: UInt64 = 1,
    supervision: AttentionTerms = .grounding, variant: AdapterVariant? = nil,
    textAttention: TrainedTextAttention = .keysAndValues, data: String? = nil, acceptsChangedData: Bool = false,
    font: URL? = nil, change: (inout TrainingPlan) -> Void = { _ in }
  ) throws {
    func world() throws -> EmojiWorld { try EmojiWorld(font: font, rules: small.rules) }
    let ownFolder = try data.map { try Self.samples(in: $0, for: stage) }
    let ownSamples = ownFolder.map { FolderSamples($0) }
    var plan = stage.plan(seed: seed, for: small)
    if ownSamples != nil { plan.reservoir = nil }
    change(&plan)
    self.stage = stage
    self.folder = variant?.folder(in: folder, seed: seed) ?? folder + "/" + stage.rawValue
    var (warnings, dataRecord): ([String], DataRecord?) = ([], nil)
    if let ownFolder {
      let (record, changes) = try DataRecord.check(ownFolder, against: self.folder, accepting: acceptsChangedData)
      (dataRecord, plan.data) = (record, record.origin)
      warnings = changes.map { "\(ownFolder.path): \($0); the run continues on the changed data" }
    }
    (self.plan, self.dataRecord) = (plan, dataRecord)
    let model = ModelFolder(folder + "/model")
    self.model = model
    target = variant == nil ? model : ModelFolder(self.folder + "/model")
    func warn(of objective: DenoisingObjective) {
      warnings += objective.truncatedPhrases.map(\.description) + objective.overlappingPhrases
    }
    switch stage {
    case .vae:
      let weights = RandomSource(seed: seed)
      let vae = try VAE(Scope(weights), VAEConfiguration(JSONNode(small.vae(), name: ModelPart.vae.name)))
      let parameters = weights.inKeyOrder
      let autoencoder = try AutoencoderObjective(
        vae: vae, world: world(), small: small, seed: seed, parameters: parameters)
      objective = autoencoder
      export = { target in
        let latents = autoencoder.latentMoments()
        try target.write(
          .vae, small.vae(scale: 1 / latents.standardDeviation, shift: latents.mean), parameters)
      }
    case .clip:
      let drawn = try world()
      let vocabulary = try Vocabulary(words: drawn.words, mergesFile: merges)
      try vocabulary.write(to: model.tokenizerToWrite())
      let (textSource, visionSource) = (RandomSource(seed: seed), RandomSource(seed: seed ^ 0x7669_7369))
      let configuration = SmallModel.textEncoder(vocabulary: vocabulary.pieces.count)
      let text = try CLIPTextEncoder(
        Scope(textSource), .init(JSONNode(configuration, name: ModelPart.textEncoder.name)))
      let vision = try CLIPVisionEncoder(
        Scope(visionSource), .init(JSONNode(SmallModel.imageEncoder, name: ModelPart.imageEncoder.name)))
      let (textWeights, visionWeights) = (textSource.inKeyOrder, visionSource.inKeyOrder)
      Self.zeroWeights(textWeights + visionWeights, ending: ["out_proj.weight", "fc2.weight"])
      for parameter in textWeights where parameter.key.hasSuffix("token_embedding.weight") {
        // Start with standard deviation 1, so that words stay apart through all layers, even if their subjects look
        // alike.
        parameter.value = parameter.value * Float(parameter.shape[1]).squareRoot()
      }
      objective = ContrastiveObjective(
        text: text, vision: vision, tokenizer: try CLIPTokenizer(folder: model.tokenizer().path),
        processor: try CLIPImageProcessor(JSONNode(SmallModel.imageProcessor, name: "image_processor")), world: drawn,
        seed: seed, parameters: textWeights + visionWeights)
      export = { target in
        try target.write(.textEncoder, configuration, textWeights)
        try target.write(.imageEncoder, SmallModel.imageEncoder, visionWeights)
        try target.write(imageProcessor: SmallModel.imageProcessor)
      }
    case .base:
      let weights = RandomSource(seed: seed)
      let unet = try UNet(Scope(weights), UNetConfiguration(JSONNode(small.unet, name: ModelPart.unet.name)))
      let parameters = weights.inKeyOrder
      // The U-Net's prediction is zero at first, too.
      Self.zeroWeights(parameters, ending: ["conv_out.weight", "conv2.weight", "proj_out.weight"])
      let denoising = try DenoisingObjective(
        loss: DenoisingLoss(unet, diffusion: Self.diffusion(), attention: supervision),
        frozen: model.frozen(withVision: false), source: ownSamples ?? DrawnScenes(world: world()), seed: seed,
        dropping: ConditionDropping(image: 0, text: 0.1, both: 0, grounding: 0),
        unnamedFraction: TrainingStage.unnamedFraction, reservoir: plan.reservoir, parameters: parameters)
      objective = denoising
      warn(of: denoising)
      export = { target in
        try target.write(.unet, small.unet, parameters)
        try target.writeScheduler()
      }
    case .adapter:
      let adapter = try AdapterStage(
        variant ?? .full, of: small, textAttention: textAttention, model: model,
        source: ownSamples ?? DrawnScenes(world: world()), diffusion: Self.diffusion(), seed: seed,
        reservoir: plan.reservoir)
      objective = adapter.objective
      warn(of: adapter.objective)
      export = { target in try adapter.export(to: target) }
    }
    self.warnings = warnings
  }

  /// The samples of a data folder.
  /// - Throws: ``StageError`` if a sample has no subject, or if the stage is neither base nor adapter; errors in the
  ///   folder.
  private static func samples(in folder: String, for stage: TrainingStage) throws -> SampleFolder {
    guard stage == .base || stage == .adapter else { throw StageError.ownData(stage: stage) }
    let samples = try SampleFolder(folder)
    if let line = samples.firstWithoutSubjects { throw StageError.noSubjects(folder: folder, line: line) }
    return samples
  }

  /// Sets weights to zero, so that residual branches add nothing at first.
  /// - Parameter endings: how the keys of the weights end that come last in their branches.
  private static func zeroWeights(_ parameters: [Parameter], ending endings: [String]) {
    for parameter in parameters where endings.contains(where: parameter.key.hasSuffix) {
      parameter.value = .zeros(parameter.shape)
    }
  }

  /// Copies parts of earlier stages from another model, if the working folder lacks them, so that a stage can be
  /// trained without running the earlier stages.
  /// - Parameters:
  ///   - folder: the working folder.
  ///   - model: the folder of the other model.
  ///   - taken: the stages whose parts are taken.
  /// - Throws: `CheckpointError` if a part cannot be copied.
  public static func takeParts(
    before stage: TrainingStage, into folder: String, from model: String,
    of taken: [TrainingStage] = TrainingStage.allCases
  ) throws {
    let earlier = TrainingStage.allCases.prefix { $0 != stage }.filter(taken.contains).flatMap(\.parts)
    try ModelFolder(folder + "/model").copy(earlier, from: ModelFolder(model))
  }

  private static func diffusion() throws -> DiffusionLoss {
    let configuration = try SchedulerConfiguration(JSONNode(SmallModel.scheduler, name: "scheduler"))
    return DiffusionLoss(NoiseSchedule(configuration), weighting: .minSNR(gamma: 5))
  }

  /// Trains until the plan is complete or the run is cancelled. A finished stage writes its parts, with averaged
  /// weights, to `model/`.
  /// - Parameters:
  ///   - cancellation: ends the run after the current step, with a checkpoint.
  ///   - progress: called after every step.
  /// - Throws: as `Trainer.init` and `Trainer.run`; `CheckpointError` if a part cannot be written.
  public func run(
    cancellation: Cancellation? = nil, progress: (TrainingProgress) -> Void = { _ in }
  ) throws -> Trainer.Outcome {
    let trainer = try trainer()
    let outcome = try trainer.run(cancellation: cancellation, progress: progress)
    if outcome.isFinished { try trainer.withAverages { try export(target) } }
    return outcome
  }

  /// The stage's training loop, which continues from the newest checkpoint. The data are recorded only once it has
  /// started.
  package func trainer() throws -> Trainer {
    let trainer = try Trainer(objective, plan, folder: URL(fileURLWithPath: folder))
    try dataRecord?.write(to: folder)
    return trainer
  }

  /// Writes the stage's parts to `model/` with their present weights; before training, these are the initial weights.
  package func exportUntrained() throws { try export(target) }

  /// Writes a whole model from the training run so far to a separate folder: the averaged weights of the newest
  /// checkpoint, and links to all other parts but the adapter. It may be called while another process trains.
  /// - Returns: the number of steps after which the checkpoint was written.
  /// - Throws: ``StageError/noCheckpoint(folder:)`` before the first checkpoint; errors in the checkpoint;
  ///   `CheckpointError` if a part cannot be written.
  public func writeSnapshot(to path: String) throws -> Int {
    guard let checkpoint = TrainingCheckpoint.newest(in: folder) else {
      throw StageError.noCheckpoint(folder: folder)
    }
    try checkpoint.load(into: objective.parameters)
    let snapshot = ModelFolder(path)
    try snapshot.link(to: model, except: Set(stage.parts + [.adapter]))
    try export(snapshot)
    return checkpoint.step
  }
}

extension RandomSource {
  /// All weights that models have asked for, sorted by key.
  var inKeyOrder: [Parameter] { parameters.sorted { $0.key < $1.key }.map(\.value) }
}
