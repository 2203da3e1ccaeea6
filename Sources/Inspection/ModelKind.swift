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
    } else if has("vision_model.") {
      self = .imageEncoder
    } else if has("text_model.") {
      self = .textEncoder
    } else if has("decoder.") && has("encoder.") {
      self = .vae
    } else if has("down_blocks.") && has("up_blocks.") && has("conv_in.") {
      self = .unet
    } else {
      return nil
    }
  }

  /// Builds the model that a configuration describes, with parameters from a source. An adapter is built for the U-Net
  /// in its folder. If there is no configuration, no other model is built.
  /// - Throws: `JSONError` or `ParameterError` if a configuration is wrong; `CheckpointError` if there is no U-Net for
  ///   an adapter.
  func build(_ source: any ParameterSource, _ configuration: JSONNode?, beside folder: ModelFolder) throws {
    let scope = Scope(source)
    switch (self, configuration) {
    case (.unet, let configuration?): _ = try UNet(scope, UNetConfiguration(configuration))
    case (.vae, let configuration?): _ = try VAE(scope, VAEConfiguration(configuration))
    case (.textEncoder, let configuration?): _ = try CLIPTextEncoder(scope, .init(configuration))
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
  private let lock = NSLock()
  private var asked: Set<String> = []
  private var absent: [String: [Int]] = [:]
  private var different: [String: [Int]] = [:]

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  func shape(of key: String) -> [Int]? { checkpoint.shape(of: key) }

  func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    lock.withLock {
      asked.insert(key)
      if let found = checkpoint.shape(of: key) {
        if found != shape { different[key] = shape }
      } else {
        absent[key] = shape
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

  /// The keys that were never requested, except `position_ids`, which are not weights.
  var surplus: [String] {
    lock.withLock { checkpoint.keys.filter { !asked.contains($0) && !$0.hasSuffix("position_ids") } }
  }
}
