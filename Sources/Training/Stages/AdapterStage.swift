import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import TrainingData

/// Training of an adapter beside a finished base: the published one, or one that something was taken away from.
struct AdapterStage {
  let objective: DenoisingObjective
  private let variant: AdapterVariant
  private let model: ModelFolder
  private let weights: RandomSource
  private let unet: CheckpointSource

  /// - Parameter model: Where the base lies.
  init(
    _ variant: AdapterVariant, model: ModelFolder, source: SampleSource, diffusion: DiffusionLoss, seed: UInt64
  ) throws {
    (self.variant, self.model) = (variant, model)
    unet = try model.source("unet")
    weights = RandomSource(seed: seed)
    let network = try model.unet(unet)
    let adapter = try model.newAdapter(variant.projector, beside: network, source: weights)
    var parameters = weights.inKeyOrder.filter { $0.key != "dummy_image_tokens" }
    if variant.trainsTextAttention {
      parameters += unet.parameters.values.filter { $0.key.contains(".attn2.to_") }.sorted { $0.key < $1.key }
    }
    var loss = DenoisingLoss(network, adapter: adapter, diffusion: diffusion, attention: variant.terms)
    loss.options = variant.layout
    objective = DenoisingObjective(
      loss: loss, frozen: try model.frozen(withVision: true), source: source, seed: seed, dropping: .published,
      parameters: parameters)
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
    func place(_ path: String) -> String {
      URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
    }
    if place(folder) == place(other.folder) { return }
    try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for part in try files.contentsOfDirectory(atPath: other.folder).sorted()
    where !own.contains(part) && !part.hasPrefix("ms_adapter") {
      try? files.removeItem(atPath: path(part))
      try files.createSymbolicLink(
        atPath: path(part), withDestinationPath: place(other.path(part)))
    }
  }
}
