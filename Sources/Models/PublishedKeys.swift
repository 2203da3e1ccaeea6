import Checkpoints

/// The keys under which a checkpoint stores a model's weights. They can differ from the keys that the model requests in
/// the names of the modules around it: transformers 5 saves CLIP's encoders without `text_model.` and `vision_model.`,
/// and training wrappers save models with a name before all keys, such as `module.`.
package struct PublishedKeys: Sendable {
  /// The models whose keys are recognised.
  package enum Model: Sendable, CaseIterable {
    case unet, vae, textEncoder, imageEncoder

    /// nil for a part whose keys are always stored as they are requested.
    package init?(_ part: ModelPart) {
      switch part {
      case .unet: self = .unet
      case .vae: self = .vae
      case .textEncoder, .secondTextEncoder: self = .textEncoder
      case .imageEncoder: self = .imageEncoder
      default: return nil
      }
    }
  }

  /// What the model's keys begin with, and what these keys begin with in the checkpoint.
  private let requested, stored: String
  /// What all other keys begin with in the checkpoint.
  private let outer: String
  /// Beginnings of keys of the other half of a whole CLIP model, which this model does not need.
  private let foreign: [String]

  /// Keys that are stored as they are requested.
  package static let same = PublishedKeys(requested: "", stored: "", outer: "", foreign: [])

  private init(requested: String, stored: String, outer: String, foreign: [String]) {
    (self.requested, self.stored, self.outer, self.foreign) = (requested, stored, outer, foreign)
  }

  /// Recognises the keys of a model by one of its weights.
  package init(_ keys: [String], of model: Model) {
    var (inner, weight, foreign) = Self.mark(of: model)
    // The projection of a whole CLIP model's texts belongs to neither encoder; a model that has one requests it.
    if model == .textEncoder, keys.contains(where: { $0.contains("vision_model.") }) {
      foreign.append("text_projection.")
    }
    let found = keys.filter { $0 == weight || $0.hasSuffix("." + weight) }.map { String($0.dropLast(weight.count)) }
    guard let stored = found.contains(inner) ? inner : found.count == 1 ? found[0] : nil else {
      self.init(requested: "", stored: "", outer: "", foreign: foreign)
      return
    }
    let outer = stored.hasSuffix(inner) ? String(stored.dropLast(inner.count)) : ""
    self.init(requested: inner, stored: stored, outer: outer, foreign: foreign)
  }

  /// The name of the module inside the model, a weight of this module, and beginnings of foreign keys.
  private static func mark(of model: Model) -> (inner: String, weight: String, foreign: [String]) {
    switch model {
    case .unet: ("", "conv_in.weight", [])
    case .vae: ("", "encoder.conv_in.weight", [])
    case .textEncoder:
      ("text_model.", "embeddings.token_embedding.weight", ["vision_model.", "visual_projection.", "logit_scale"])
    case .imageEncoder:
      ("vision_model.", "embeddings.patch_embedding.weight", ["text_model.", "text_projection.", "logit_scale"])
    }
  }

  /// The key in the checkpoint of a weight that the model requests.
  package func stored(_ key: String) -> String {
    key.hasPrefix(requested) ? stored + key.dropFirst(requested.count) : outer + key
  }

  /// Whether a key of the checkpoint is no weight that the model could need: a buffer of positions, or the other half
  /// of a whole CLIP model.
  package func isIgnored(_ key: String) -> Bool {
    if key == "position_ids" || key.hasSuffix(".position_ids") { return true }
    return foreign.contains { key.dropFirst(key.hasPrefix(outer) ? outer.count : 0).hasPrefix($0) }
  }
}
