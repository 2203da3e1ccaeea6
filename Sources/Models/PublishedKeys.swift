import Checkpoints

/// The keys under which a checkpoint stores a model's weights. Their beginnings can differ from those of the keys that
/// the model requests: transformers 5 saves CLIP's encoders without `text_model.` and `vision_model.`, and training
/// wrappers put a name such as `module.` before all keys.
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

  /// Requested keys that begin with `requested` begin with `stored` in the checkpoint instead.
  private let requested, stored: String
  /// What the checkpoint puts before all other requested keys.
  private let outer: String
  /// Beginnings of the keys of the other encoder in a whole CLIP model, which this model does not need.
  private let foreign: [String]

  /// Keys that are stored as they are requested.
  package static let same = PublishedKeys(requested: "", stored: "", outer: "", foreign: [])

  private init(requested: String, stored: String, outer: String, foreign: [String]) {
    (self.requested, self.stored, self.outer, self.foreign) = (requested, stored, outer, foreign)
  }

  /// Finds out, from the key of one weight, how the checkpoint's keys begin. If the weight is not found, or several
  /// keys may be that weight's, keys are taken to be stored as they are requested.
  package init(_ keys: [String], of model: Model) {
    var (inner, weight, foreign) = Self.mark(of: model)
    // A whole CLIP model has a text projection even if the text encoder to be read has none and does not request it.
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

  /// What most of the model's requested keys begin with, a weight after this beginning, and beginnings of foreign keys.
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

  /// Whether a key of the checkpoint belongs to nothing that the model needs: a buffer of positions, or the other
  /// encoder of a whole CLIP model.
  package func isIgnored(_ key: String) -> Bool {
    if key == "position_ids" || key.hasSuffix(".position_ids") { return true }
    return foreign.contains { key.dropFirst(key.hasPrefix(outer) ? outer.count : 0).hasPrefix($0) }
  }
}
