import Checkpoints
import JSON
import Layers
import MSDiffusion
import Models
import Training
import TrainingData

/// Trains an adapter for a finished base model: the published adapter, or a variant of the ablation.
struct AdapterStage {
  let objective: DenoisingObjective
  private let variant: AdapterVariant
  private let small: SmallModel
  private let model: ModelFolder
  private let weights: RandomSource
  private let unet: CheckpointSource
  private let configuration: AdapterConfiguration

  /// - Parameter model: the folder of the base model.
  init(
    _ variant: AdapterVariant, of small: SmallModel, textAttention: TrainedTextAttention, model: ModelFolder,
    source: any SampleSource,
    diffusion: DiffusionLoss, seed: UInt64, reservoir: Int?
  ) throws {
    (self.variant, self.small, self.model) = (variant, small, model)
    unet = try model.source(.unet)
    weights = RandomSource(seed: seed)
    let network = try model.unet(unet)
    let adapter = try Adapter.untrained(variant.projector, beside: network, source: weights)
    configuration = adapter.configuration
    var parameters = weights.inKeyOrder.filter { $0.key != "dummy_image_tokens" }
    if variant.trainsTextAttention { parameters += textAttention.weights(of: unet.parameters) }
    var loss = DenoisingLoss(network, adapter: adapter, diffusion: diffusion, attention: variant.terms)
    loss.options = variant.layout
    objective = try DenoisingObjective(
      loss: loss, frozen: model.frozen(withVision: true), source: source, seed: seed, dropping: .published,
      unnamedFraction: TrainingStage.unnamedFraction, reservoir: reservoir, parameters: parameters)
  }

  /// Writes the adapter into a folder. A folder other than the base's also gets the base's parts, so that it is a whole
  /// model.
  func export(to target: ModelFolder) throws {
    if target.path != model.path {
      try target.link(to: model, except: variant.trainsTextAttention ? [.adapter, .unet] : [.adapter])
      if variant.trainsTextAttention {
        try target.write(.unet, small.unet, unet.parameters.values.sorted { $0.key < $1.key })
      }
    }
    try target.write(
      .adapter, .object(configuration.entries + [("defaults", SmallModel.defaults.json)]), weights.inKeyOrder)
  }
}
