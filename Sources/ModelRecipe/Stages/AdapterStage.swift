import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Training
import TrainingData

/// Training of an adapter beside a finished base: the published one, or one that lacks something.
struct AdapterStage {
  let objective: DenoisingObjective
  private let variant: AdapterVariant
  private let model: ModelFolder
  private let weights: RandomSource
  private let unet: CheckpointSource

  /// - Parameter model: where the base lies.
  init(
    _ variant: AdapterVariant, textAttention: TrainedTextAttention, model: ModelFolder, source: any SampleSource,
    diffusion: DiffusionLoss, seed: UInt64
  ) throws {
    (self.variant, self.model) = (variant, model)
    unet = try model.source("unet")
    weights = RandomSource(seed: seed)
    let network = try model.unet(unet)
    let adapter = try model.newAdapter(variant.projector, beside: network, source: weights)
    var parameters = weights.inKeyOrder.filter { $0.key != "dummy_image_tokens" }
    if variant.trainsTextAttention { parameters += textAttention.weights(of: unet.parameters) }
    var loss = DenoisingLoss(network, adapter: adapter, diffusion: diffusion, attention: variant.terms)
    loss.options = variant.layout
    objective = try DenoisingObjective(
      loss: loss, frozen: model.frozen(withVision: true), source: source, seed: seed, dropping: .published,
      unnamedFraction: TrainingStage.unnamedFraction, parameters: parameters)
  }

  /// Writes the adapter into a folder; into another one than the base's with all that it needs to be a whole model.
  func export(to target: ModelFolder) throws {
    if target.folder != model.folder {
      try target.link(to: model, except: variant.trainsTextAttention ? ["unet"] : [])
      if variant.trainsTextAttention {
        try target.write("unet", SmallModel.unet, unet.parameters.values.sorted { $0.key < $1.key })
      }
    }
    try target.writeAdapter(weights.inKeyOrder)
  }
}

extension ModelFolder {
  /// Makes the parts of another model this one's own, without copying them; what is here already is replaced.
  func link(to other: ModelFolder, except own: Set<String>) throws {
    let files = FileManager.default
    func resolved(_ path: String) -> String {
      URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }
    if resolved(folder) == resolved(other.folder) { return }
    try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for part in try files.contentsOfDirectory(atPath: other.folder).sorted()
    where !own.contains(part) && !part.hasPrefix("ms_adapter") {
      try? files.removeItem(atPath: path(part))
      try files.createSymbolicLink(atPath: path(part), withDestinationPath: resolved(other.path(part)))
    }
  }
}
