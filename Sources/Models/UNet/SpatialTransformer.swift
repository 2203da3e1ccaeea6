import Layers
import Tensors

// Axes: B batch, C channels, H height, W width, Q positions (H·W), K context tokens.

/// Transformer blocks over the positions of a feature map, with a residual connection around them.
struct SpatialTransformer: Sendable {
  enum Projection: Sendable {
    case linear(input: Linear, output: Linear)
    case convolution(input: Conv2d, output: Conv2d)
  }

  let norm: GroupNorm
  let projection: Projection
  let blocks: [TransformerBlock]
  let output: HookPoint

  init(_ scope: Scope, channels: Int, contextWidth: Int, heads: Int, layers: Int, configuration: UNetConfiguration)
    throws
  {
    norm = try GroupNorm(scope["norm"], channels: channels, groups: configuration.groups, epsilon: 1e-6)
    projection =
      configuration.usesLinearProjection
      ? .linear(
        input: try Linear(scope["proj_in"], channels, channels),
        output: try Linear(scope["proj_out"], channels, channels))
      : .convolution(
        input: try Conv2d(scope["proj_in"], channels, channels, kernel: 1),
        output: try Conv2d(scope["proj_out"], channels, channels, kernel: 1))
    blocks = try (0..<layers).map {
      try TransformerBlock(
        scope["transformer_blocks"][$0], width: channels, contextWidth: contextWidth, heads: heads)
    }
    output = scope.hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  /// `[B, C, H, W]` to `[B, C, H, W]`.
  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let (batch, channels, grid) = (x.shape[0], x.shape[1], FeatureGrid(height: x.shape[2], width: x.shape[3]))
    func tokens(_ map: Tensor) -> Tensor { map.reshaped([batch, channels, grid.count]).transposed() }  // [B, Q, C]
    func map(_ tokens: Tensor) -> Tensor { tokens.transposed().reshaped(x.shape) }  // [B, C, H, W]

    var y: Tensor
    switch projection {
    case .linear(let input, _): y = input(tokens(norm(x)))
    case .convolution(let input, _): y = tokens(input(norm(x)))
    }
    for block in blocks { y = block(y, context, on: grid) }
    switch projection {
    case .linear(_, let last): y = map(last(y))
    case .convolution(_, let last): y = last(map(y))
    }
    return output(x + y, on: grid)
  }
}

/// Self-attention, cross-attention and a gated network, each after a norm and with a residual connection around it.
struct TransformerBlock: Sendable {
  let norm1, norm2, norm3: LayerNorm
  let selfAttention: SpatialSelfAttention
  let crossAttention: CrossAttention
  let gate, contract: Linear

  init(_ scope: Scope, width: Int, contextWidth: Int, heads: Int) throws {
    norm1 = try LayerNorm(scope["norm1"], width)
    selfAttention = try SpatialSelfAttention(scope["attn1"], width: width, heads: heads)
    norm2 = try LayerNorm(scope["norm2"], width)
    crossAttention = try CrossAttention(
      scope["attn2"], width: width, contextWidth: contextWidth, heads: heads)
    norm3 = try LayerNorm(scope["norm3"], width)
    gate = try Linear(scope["ff"]["net"][0]["proj"], width, 8 * width)
    contract = try Linear(scope["ff"]["net"][2], 4 * width, width)
  }

  /// `[B, Q, C]` to `[B, Q, C]`.
  func callAsFunction(_ x: Tensor, _ context: AttentionContext, on grid: FeatureGrid) -> Tensor {
    var x = x + selfAttention(norm1(x), on: grid)
    x = x + crossAttention(norm2(x), context, on: grid)
    return x + contract(gate(norm3(x)).geglu())
  }
}
