import Layers

/// The weights of text cross-attention that are trained together with the adapter if there is a loss on text attention
/// (TAL).
public enum TrainedTextAttention: String, CaseIterable, Sendable {
  /// The projections to keys and values. At the published sizes they add 74 % to the adapter's parameters, which fits
  /// the paper's "about 70 % more"; together with queries and outputs it would be 118 %.
  case keysAndValues = "keys-and-values"
  /// The projections to queries, keys and values, and the output projection.
  case all

  /// Whether the U-Net weight with this key is trained.
  public func contains(_ name: String) -> Bool {
    switch self {
    case .keysAndValues: name.contains(".attn2.to_k.") || name.contains(".attn2.to_v.")
    case .all: name.contains(".attn2.to_")
    }
  }

  /// The weights to train, sorted by key.
  package func weights(of unet: [String: Parameter]) -> [Parameter] {
    unet.filter { contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
  }
}
