import Layers
import Tensors

// Axes: B batch, Q positions, K context tokens, C width, H heads.

/// Attention of a feature map's positions to text tokens. Any number of branches can add to it.
public final class CrossAttention: Sendable {
  /// The layer's path, such as `down_blocks.1.attentions.0.transformer_blocks.0.attn2`.
  public let name: String
  /// Width of queries, keys and values, C.
  public let width: Int
  /// Width of the text tokens.
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

  /// The sum of text attention and the results of all branches, after the shared output projection (Eq. 2).
  /// - Parameter x: the positions of a feature map, row by row, `[B, Q, C]`.
  /// - Returns: `[B, Q, C]`.
  public func callAsFunction(_ x: Tensor, _ context: AttentionContext, on grid: FeatureGrid) -> Tensor {
    let query = toQ(x)  // [B, Q, C]
    let (key, value) = context.keysAndValues(of: self)  // [B, K, C] each
    let text = pattern.attend(query, key, value, bias: context.mask?.bias(on: grid), on: grid)
    return toOut(
      context.branches.reduce(text) { sum, branch in branch(query, in: self, on: grid).map { sum + $0 } ?? sum })
  }

  /// Declares a hook point of a branch, next to this layer's own.
  package func hook(_ name: String, _ kind: HookKind, axes: Axis...) -> HookPoint {
    scope.hook(name, kind, heads: axes.contains(.head) ? heads : nil, axes: axes)
  }
}

/// An addition to text attention in every cross-attention layer, such as attention to subjects.
public protocol AttentionBranch {
  /// - Parameter query: the layer's queries, with all heads in the last axis, `[B, Q, C]`.
  /// - Returns: `[B, Q, C]`, which is added before the shared output projection; nil: nothing is added.
  func callAsFunction(_ query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor?
}

/// Says to which text tokens each position may attend.
public protocol TextMask {
  /// The bias that is added to the logits of text attention, `[B, 1, Q, K]`.
  func bias(on grid: FeatureGrid) -> Tensor
}

/// The context of cross-attention layers in one run: text, whose keys and values are computed once, and branches.
public struct AttentionContext {
  public var branches: [any AttentionBranch]
  /// The text tokens to which each position may attend; nil: all tokens.
  public var mask: (any TextMask)?
  private let text: [String: (key: Tensor, value: Tensor)]

  /// - Parameters:
  ///   - text: text tokens, `[B, K, contextWidth]`.
  ///   - layers: the network's cross-attention layers.
  public init(
    _ text: Tensor, for layers: [CrossAttention], mask: (any TextMask)? = nil, branches: [any AttentionBranch] = []
  ) {
    (self.mask, self.branches) = (mask, branches)
    self.text = Dictionary(uniqueKeysWithValues: layers.map { ($0.name, ($0.toK(text), $0.toV(text))) })
  }

  /// Keys and values of the text in a layer, `[B, K, C]` each.
  func keysAndValues(of layer: CrossAttention) -> (key: Tensor, value: Tensor) {
    guard let own = text[layer.name] else { fail("AttentionContext: made without the layer \(layer.name)") }
    return own
  }
}
