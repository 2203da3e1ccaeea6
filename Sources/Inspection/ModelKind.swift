import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models

/// The models that a checkpoint can belong to, recognised by its keys.
package enum ModelKind: String, Sendable, CaseIterable {
  case unet = "a U-Net of Stable Diffusion"
  case vae = "an autoencoder of Stable Diffusion"
  case textEncoder = "a CLIP text encoder"
  case imageEncoder = "a CLIP vision encoder"
  case adapter = "an MS-Diffusion adapter"

  /// The kind that a checkpoint's keys match; nil if they match none.
  package init?(keys: [String]) {
    func has(_ beginning: String) -> Bool { keys.contains { $0.hasPrefix(beginning) } }
    if has("image_proj.") || has("ms_adapter.") {
      self = .adapter
    } else if has("vision_model.") || has("embeddings.patch_embedding.") {
      self = .imageEncoder
    } else if has("text_model.") || has("embeddings.token_embedding.") {
      self = .textEncoder
    } else if has("decoder.") && has("encoder.") {
      self = .vae
    } else if has("down_blocks.") && has("up_blocks.") && has("conv_in.") {
      self = .unet
    } else {
      return nil
    }
  }

  /// The kind of a part of a model folder; nil for a part without weights.
  init?(_ part: ModelPart) {
    switch part {
    case .unet: self = .unet
    case .vae: self = .vae
    case .textEncoder, .secondTextEncoder: self = .textEncoder
    case .imageEncoder: self = .imageEncoder
    case .adapter: self = .adapter
    default: return nil
    }
  }

  /// The model whose published keys a checkpoint of this kind has; nil for an adapter, whose keys are always stored as
  /// they are requested.
  var keys: PublishedKeys.Model? {
    switch self {
    case .unet: .unet
    case .vae: .vae
    case .textEncoder: .textEncoder
    case .imageEncoder: .imageEncoder
    case .adapter: nil
    }
  }

  /// Builds the model that a configuration describes, with parameters from a source. An adapter is built for the U-Net
  /// in its folder. If there is no configuration, no other model is built.
  /// - Throws: `JSONError` or `ParameterError` if a configuration is wrong; `CheckpointError` if there is no U-Net for
  ///   an adapter.
  func build(
    _ source: any ParameterSource, _ configuration: JSONNode?, className: String?, beside folder: ModelFolder
  ) throws {
    let scope = Scope(source)
    switch (self, configuration) {
    case (.unet, let configuration?): _ = try UNet(scope, UNetConfiguration(configuration))
    case (.vae, let configuration?): _ = try VAE(scope, VAEConfiguration(configuration))
    case (.textEncoder, let configuration?): _ = try CLIPTextEncoder(scope, .init(configuration, className: className))
    case (.imageEncoder, let configuration?): _ = try CLIPVisionEncoder(scope, .init(configuration))
    case (.adapter, _):
      let unet = try UNet(Scope(ShapeSource()), UNetConfiguration(folder.configuration(of: .unet)))
      // No shape depends on the number of heads, so any number will do if the configuration has none.
      let own = try AdapterConfiguration(folder.optionalConfiguration(of: .adapter), weights: scope, heads: 1)
      _ = try Adapter(scope, own, beside: unet.crossAttentionLayers)
    case (_, nil): break
    }
  }
}

/// A source that has the shapes of a checkpoint, but not its values. It records which requested weights are missing or
/// have a different shape.
final class NotingSource: ParameterSource, @unchecked Sendable {
  private let checkpoint: Checkpoint
  private let keys: PublishedKeys
  private let lock = NSLock()
  /// The stored keys of all requested weights, and of the requested weights whose type cannot be read.
  private var asked: Set<String> = []
  private var ofForeignType: Set<String> = []
  private var absent: [String: [Int]] = [:]
  private var different: [String: [Int]] = [:]

  /// - Parameter model: the model whose keys the checkpoint has; nil: keys are stored as they are requested.
  init(_ checkpoint: Checkpoint, of model: PublishedKeys.Model?) {
    self.checkpoint = checkpoint
    keys = model.map { PublishedKeys(checkpoint.keys, of: $0) } ?? .same
  }

  func shape(of key: String) -> [Int]? { checkpoint.shape(of: keys.stored(key)) }

  func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    let stored = keys.stored(key)
    lock.withLock {
      asked.insert(stored)
      if let found = checkpoint.shape(of: stored) {
        if found != shape { different[stored] = shape }
        if checkpoint.elementType(of: stored) == nil { ofForeignType.insert(stored) }
      } else {
        absent[stored] = shape
      }
    }
    return Parameter(key, shape: shape) { .zeros(shape) }
  }

  /// The keys that are missing, with the expected shapes.
  var missing: [(key: String, shape: [Int])] {
    lock.withLock { absent.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }

  /// The keys whose shape is different, with the expected shapes.
  var wrong: [(key: String, shape: [Int])] {
    lock.withLock { different.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }

  /// The stored keys of requested weights whose type cannot be read.
  var unreadable: [String] { lock.withLock { ofForeignType.sorted() } }

  /// The stored keys that were never requested, except those of nothing that the model needs, such as
  /// `position_ids`.
  var surplus: [String] {
    lock.withLock { checkpoint.keys.filter { !asked.contains($0) && !keys.isIgnored($0) } }
  }
}
