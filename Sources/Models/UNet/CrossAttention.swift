import Layers
import Tensors

// Axes: B batch, Q positions, K context tokens, C width, H heads.

/// What is added to text attention in every cross-attention layer, as MS-Diffusion adds attention to subjects.
///
/// One object serves one run: whatever it gathers over the steps is its own state.
public protocol CrossAttentionCompanion: AnyObject {
  /// Added to the text logits of a layer over `keys` tokens, `[B, 1, Q, K]`; nil for none.
  func textBias(in layer: CrossAttention, on grid: FeatureGrid, keys: Int) -> Tensor?
  /// Whether `receive` wants the text probabilities of this layer.
  func wantsTextProbabilities(of layer: CrossAttention) -> Bool
  /// Takes the text probabilities `[B, H, Q, K]` of a layer, before `attended` is asked for.
  func receive(textProbabilities: Tensor, of layer: CrossAttention, on grid: FeatureGrid)
  /// What is added to the text branch before the shared output projection, `[B, Q, C]`; nil for nothing.
  /// - Parameter query: the layer's queries, heads packed, `[B, Q, C]`.
  func attended(query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor?
}

/// Attention of the feature map's positions to text tokens, with an optional second branch beside it.
public final class CrossAttention: Sendable {
  /// The layer's path, as `down_blocks.1.attentions.0.transformer_blocks.0.attn2`.
  public let name: String
  public let width: Int
  public let contextWidth: Int
  public let heads: Int
  public let toQ, toK, toV, toOut: Linear
  let scope: Scope
  let pattern: HookPoint

  package init(_ scope: Scope, width: Int, contextWidth: Int, heads: Int) throws {
    (self.scope, name, self.width, self.contextWidth, self.heads) = (scope, scope.path, width, contextWidth, heads)
    toQ = try Linear(scope["to_q"], width, width, bias: false)
    toK = try Linear(scope["to_k"], contextWidth, width, bias: false)
    toV = try Linear(scope["to_v"], contextWidth, width, bias: false)
    toOut = try Linear(scope["to_out"][0], width, width)
    pattern = scope.hook("text_pattern", .textAttention, heads: heads, axes: .batch, .head, .query, .key)
  }

  /// Declares a hook point of a second branch beside this layer's own.
  package func hook(_ name: String, _ kind: HookKind, axes: Axis...) -> HookPoint {
    scope.hook(name, kind, heads: axes.contains(.head) ? heads : nil, axes: axes)
  }

  /// Positions `[B, Q, C]` attend to `context` `[B, K, contextWidth]`; the result is `[B, Q, C]`. Eq. 2.
  public func callAsFunction(
    _ x: Tensor, context: Tensor, on grid: FeatureGrid, companion: (any CrossAttentionCompanion)?
  ) -> Tensor {
    let query = toQ(x)
    let watcher = pattern.probabilities(on: grid)
    let wanted = companion?.wantsTextProbabilities(of: self) ?? false
    let observing: ((Tensor) -> Tensor?)? =
      watcher == nil && !wanted
      ? nil
      : { probabilities in
        let replaced = watcher?(probabilities)
        if wanted { companion?.receive(textProbabilities: replaced ?? probabilities, of: self, on: grid) }
        return replaced
      }
    let text = attention(
      query: query, key: toK(context), value: toV(context), heads: heads,
      bias: companion?.textBias(in: self, on: grid, keys: context.shape[1]), observing: observing)
    guard let added = companion?.attended(query: query, in: self, on: grid) else { return toOut(text) }
    return toOut(text + added)
  }
}

/// Attention of the feature map's positions to each other.
struct SpatialSelfAttention: Sendable {
  let toQ, toK, toV, toOut: Linear
  let heads: Int
  let pattern: HookPoint

  init(_ scope: Scope, width: Int, heads: Int) throws {
    self.heads = heads
    toQ = try Linear(scope["to_q"], width, width, bias: false)
    toK = try Linear(scope["to_k"], width, width, bias: false)
    toV = try Linear(scope["to_v"], width, width, bias: false)
    toOut = try Linear(scope["to_out"][0], width, width)
    pattern = scope.hook("pattern", .selfAttention, heads: heads, axes: .batch, .head, .query, .key)
  }

  /// `[B, Q, C]` to `[B, Q, C]`.
  func callAsFunction(_ x: Tensor, on grid: FeatureGrid) -> Tensor {
    toOut(
      attention(
        query: toQ(x), key: toK(x), value: toV(x), heads: heads, bias: nil, observing: pattern.probabilities(on: grid)))
  }
}
