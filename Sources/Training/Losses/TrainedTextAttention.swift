import Layers

/// The weights of text cross-attention that are trained together with the adapter, for the loss on text attention
/// (TAL).
public enum TrainedTextAttention: String, CaseIterable, Sendable {
  /// Keys and values. At the published sizes that is 74 % of the adapter's parameters, which fits the paper's "about
  /// 70 % more"; with queries and outputs it would be 118 %.
  case keysAndValues = "keys-and-values"
  /// Queries, keys, values and the output projection.
  case all

  /// Whether the U-Net weight with this parameter name is trained.
  public func contains(_ name: String) -> Bool {
    switch self {
    case .keysAndValues: name.contains(".attn2.to_k.") || name.contains(".attn2.to_v.")
    case .all: name.contains(".attn2.to_")
    }
  }

  /// The weights to train, sorted by parameter name.
  package func weights(of unet: [String: Parameter]) -> [Parameter] {
    unet.filter { contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
  }
}
