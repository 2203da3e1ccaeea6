import Layers
import Tensors

// Axes: B batch, C channels, H height, W width.

/// The inputs that all blocks share in one forward pass.
struct UNetConditions {
  /// Time embedding after SiLU, `[B, E]`.
  let embedding: Tensor
  let context: AttentionContext
  /// Whether training recomputes the inner results of residual blocks and transformers instead of keeping them.
  let checkpointsActivations: Bool

  func residual(_ block: ResidualBlock, _ x: Tensor) -> Tensor {
    checkpointed { block(x, embedding: embedding) }
  }

  func attention(_ transformer: SpatialTransformer, _ x: Tensor) -> Tensor {
    checkpointed { transformer(x, context) }
  }

  private func checkpointed(_ body: @escaping () -> Tensor) -> Tensor {
    checkpointsActivations ? Tape.checkpointed(body) : body()
  }
}

/// Residual blocks and attentions of one resolution on the way down; then a strided convolution, unless the resolution
/// is the coarsest.
struct UNetDownBlock: Sendable {
  let residuals: [ResidualBlock]
  let attentions: [SpatialTransformer]
  let downsampler: Conv2d?
  let output: HookPoint

  init(_ scope: Scope, _ index: Int, _ configuration: UNetConfiguration, time: Int) throws {
    let outputs = configuration.channels[index]
    let inputs = configuration.channels[max(index - 1, 0)]
    let count = configuration.layersPerBlock[index]
    residuals = try (0..<count).map {
      try ResidualBlock(
        scope["resnets"][$0], $0 == 0 ? inputs : outputs, outputs, time: time, groups: configuration.groups,
        epsilon: configuration.epsilon)
    }
    attentions =
      configuration.downBlocks[index].attends
      ? try (0..<count).map {
        try SpatialTransformer(
          scope["attentions"][$0], channels: outputs, contextWidth: configuration.contextWidths[index],
          heads: configuration.heads[index], layers: configuration.transformerLayers[index],
          configuration: configuration)
      } : []
    downsampler =
      index + 1 == configuration.channels.count
      ? nil : try Conv2d(scope["downsamplers"][0]["conv"], outputs, outputs, kernel: 3, stride: 2, padding: 1)
    output = scope.hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  /// The block's output, and the skips for the up blocks, the block's output last.
  func callAsFunction(_ x: Tensor, _ conditions: UNetConditions) -> (output: Tensor, skips: [Tensor]) {
    var (x, skips) = (x, [Tensor]())
    for (index, residual) in residuals.enumerated() {
      x = conditions.residual(residual, x)
      if !attentions.isEmpty { x = conditions.attention(attentions[index], x) }
      skips.append(x)
    }
    if let downsampler {
      x = downsampler(x)
      skips.append(x)
    }
    let shown = output(x, on: x.grid)
    skips[skips.count - 1] = shown
    return (shown, skips)
  }
}

/// Two residual blocks with attention between them, at the coarsest resolution.
struct UNetMiddleBlock: Sendable {
  let first, last: ResidualBlock
  let attention: SpatialTransformer
  let output: HookPoint

  init(_ scope: Scope, _ configuration: UNetConfiguration, time: Int) throws {
    let index = configuration.channels.count - 1
    let channels = configuration.channels[index]
    first = try ResidualBlock(
      scope["resnets"][0], channels, channels, time: time, groups: configuration.groups,
      epsilon: configuration.epsilon)
    attention = try SpatialTransformer(
      scope["attentions"][0], channels: channels, contextWidth: configuration.contextWidths[index],
      heads: configuration.heads[index], layers: configuration.transformerLayers[index], configuration: configuration)
    last = try ResidualBlock(
      scope["resnets"][1], channels, channels, time: time, groups: configuration.groups,
      epsilon: configuration.epsilon)
    output = scope.hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  func callAsFunction(_ x: Tensor, _ conditions: UNetConditions) -> Tensor {
    let y = conditions.attention(attention, conditions.residual(first, x))
    return output(conditions.residual(last, y), on: x.grid)
  }
}

/// Residual blocks and attentions of one resolution on the way up; then upsampling, unless the resolution is the
/// finest. Each residual block has a skip as additional input.
struct UNetUpBlock: Sendable {
  let residuals: [ResidualBlock]
  let attentions: [SpatialTransformer]
  let upsampler: Conv2d?
  let output: HookPoint

  /// - Parameter index: 0 for the coarsest block.
  init(_ scope: Scope, _ index: Int, _ configuration: UNetConfiguration, time: Int) throws {
    let last = configuration.channels.count - 1
    let mirror = last - index
    let outputs = configuration.channels[mirror]
    let before = configuration.channels[min(mirror + 1, last)]
    let finer = configuration.channels[max(mirror - 1, 0)]
    let count = configuration.layersPerBlock[mirror] + 1
    residuals = try (0..<count).map {
      try ResidualBlock(
        scope["resnets"][$0], ($0 == 0 ? before : outputs) + ($0 == count - 1 ? finer : outputs), outputs, time: time,
        groups: configuration.groups, epsilon: configuration.epsilon)
    }
    attentions =
      configuration.upBlocks[index].attends
      ? try (0..<count).map {
        try SpatialTransformer(
          scope["attentions"][$0], channels: outputs, contextWidth: configuration.contextWidths[mirror],
          heads: configuration.heads[mirror], layers: configuration.upTransformerLayers[index],
          configuration: configuration)
      } : []
    upsampler =
      mirror == 0 ? nil : try Conv2d(scope["upsamplers"][0]["conv"], outputs, outputs, kernel: 3, padding: 1)
    output = scope.hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  /// Removes the block's skips from the end of `skips`, and upsamples to the size of the next skip.
  func callAsFunction(_ x: Tensor, skips: inout [Tensor], _ conditions: UNetConditions) -> Tensor {
    var x = x
    for (index, residual) in residuals.enumerated() {
      x = conditions.residual(residual, .concatenated([x, skips.removeLast()], axis: 1))
      if !attentions.isEmpty { x = conditions.attention(attentions[index], x) }
    }
    if let upsampler, let next = skips.last {
      x = upsampler(x.resizedNearest(height: next.shape[2], width: next.shape[3]))
    }
    return output(x, on: x.grid)
  }
}

extension Tensor {
  /// The feature map size of `[B, C, H, W]`.
  var grid: FeatureGrid { FeatureGrid(height: shape[2], width: shape[3]) }
}
