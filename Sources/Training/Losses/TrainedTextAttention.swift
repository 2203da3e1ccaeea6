import Layers

/// Which weights of the text cross-attention are trained beside the adapter, for the loss on text attention (TAL).
public enum TrainedTextAttention: String, CaseIterable, Sendable {
  /// Keys and values. At the published sizes that is 74 % of the adapter's parameters, which fits the paper's "about
  /// 70 % more"; with queries and outputs it would be 118 %.
  case keysAndValues = "keys-and-values"
  /// Queries, keys, values and the output projection.
  case all

  /// Whether the U-Net weight of this key is trained.
  public func contains(_ key: String) -> Bool {
    switch self {
    case .keysAndValues: key.contains(".attn2.to_k.") || key.contains(".attn2.to_v.")
    case .all: key.contains(".attn2.to_")
    }
  }

  /// The trained weights of a U-Net, sorted by key.
  package func weights(of unet: [String: Parameter]) -> [Parameter] {
    unet.filter { contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
  }
}
