import Layers
import Tensors

/// Attention of the feature map's positions to each other.
struct SpatialSelfAttention: Sendable {
  let toQ, toK, toV, toOut: Linear
  let pattern: HookPoint

  init(_ scope: Scope, width: Int, heads: Int) throws {
    toQ = try Linear(scope["to_q"], width, width, bias: false)
    toK = try Linear(scope["to_k"], width, width, bias: false)
    toV = try Linear(scope["to_v"], width, width, bias: false)
    toOut = try Linear(scope["to_out"][0], width, width)
    pattern = scope.hook("pattern", .selfAttention, heads: heads, axes: .batch, .head, .query, .key)
  }

  /// `[B, Q, C]` to `[B, Q, C]`.
  func callAsFunction(_ x: Tensor, on grid: FeatureGrid) -> Tensor {
    toOut(pattern.attend(toQ(x), toK(x), toV(x), on: grid))
  }
}
