import Layers
import Tensors

// Axes: B batch, C channels, H height, W width.

/// Attention of one head over all positions, with a residual connection around it. Old checkpoints have other names for
/// its weights.
struct VAEAttention: Sendable {
  let norm: GroupNorm
  let toQ, toK, toV, toOut: Linear
  let pattern: HookPoint

  init(_ scope: Scope, channels: Int, groups: Int) throws {
    let isOld = scope.shape(of: "to_q.weight") == nil && scope.shape(of: "query.weight") != nil
    norm = try GroupNorm(scope["group_norm"], channels: channels, groups: groups, epsilon: 1e-6)
    toQ = try Linear(scope[isOld ? "query" : "to_q"], channels, channels)
    toK = try Linear(scope[isOld ? "key" : "to_k"], channels, channels)
    toV = try Linear(scope[isOld ? "value" : "to_v"], channels, channels)
    toOut = try Linear(isOld ? scope["proj_attn"] : scope["to_out"][0], channels, channels)
    pattern = scope.hook("pattern", .selfAttention, heads: 1, axes: .batch, .head, .query, .key)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let (batch, channels, grid) = (x.shape[0], x.shape[1], x.grid)
    let tokens = norm(x).reshaped([batch, channels, grid.count]).transposed()  // [B, H·W, C]
    let attended = pattern.attend(toQ(tokens), toK(tokens), toV(tokens), on: grid)
    return x + toOut(attended).transposed().reshaped(x.shape)
  }
}

/// Two residual blocks, with attention between them if the configuration has it.
struct VAEMiddleBlock: Sendable {
  let first, last: ResidualBlock
  let attention: VAEAttention?

  init(_ scope: Scope, _ configuration: VAEConfiguration) throws {
    let channels = configuration.channels[configuration.channels.count - 1]
    first = try ResidualBlock(
      scope["resnets"][0], channels, channels, time: nil, groups: configuration.groups, epsilon: 1e-6)
    attention =
      configuration.attendsInMiddle
      ? try VAEAttention(scope["attentions"][0], channels: channels, groups: configuration.groups) : nil
    last = try ResidualBlock(
      scope["resnets"][1], channels, channels, time: nil, groups: configuration.groups, epsilon: 1e-6)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = first(x)
    return last(attention.map { $0(y) } ?? y)
  }
}

/// Residual blocks of one resolution; then a change of size, if a different resolution follows.
struct VAEBlock: Sendable {
  enum Resampling: Sendable {
    /// Halves the size, after padding with zeros at the bottom and at the right only.
    case down(Conv2d)
    /// Doubles the size.
    case up(Conv2d)
  }

  let residuals: [ResidualBlock]
  let resampling: Resampling?
  let output: HookPoint

  init(
    _ scope: Scope, _ inputs: Int, _ outputs: Int, count: Int, groups: Int,
    resampling: (Scope) throws -> Resampling?
  ) throws {
    residuals = try (0..<count).map {
      try ResidualBlock(
        scope["resnets"][$0], $0 == 0 ? inputs : outputs, outputs, time: nil, groups: groups, epsilon: 1e-6)
    }
    self.resampling = try resampling(scope)
    output = scope.hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    var x = x
    for residual in residuals { x = residual(x) }
    switch resampling {
    case .down(let convolution): x = convolution(x.padded(top: 0, left: 0, bottom: 1, right: 1))
    case .up(let convolution): x = convolution(x.resizedNearest(height: 2 * x.shape[2], width: 2 * x.shape[3]))
    case nil: break
    }
    return output(x, on: x.grid)
  }
}

/// Maps images to mean and log variance of the latent distribution.
struct VAEEncoder: Sendable {
  let convIn, convOut: Conv2d
  let blocks: [VAEBlock]
  let middle: VAEMiddleBlock
  let normOut: GroupNorm

  init(_ scope: Scope, _ configuration: VAEConfiguration) throws {
    let (channels, last) = (configuration.channels, configuration.channels.count - 1)
    convIn = try Conv2d(scope["conv_in"], configuration.imageChannels, channels[0], kernel: 3, padding: 1)
    blocks = try channels.indices.map { index in
      try VAEBlock(
        scope["down_blocks"][index], channels[max(index - 1, 0)], channels[index],
        count: configuration.layersPerBlock, groups: configuration.groups
      ) {
        index == last
          ? nil
          : .down(try Conv2d($0["downsamplers"][0]["conv"], channels[index], channels[index], kernel: 3, stride: 2))
      }
    }
    middle = try VAEMiddleBlock(scope["mid_block"], configuration)
    normOut = try GroupNorm(
      scope["conv_norm_out"], channels: channels[last], groups: configuration.groups, epsilon: 1e-6)
    convOut = try Conv2d(scope["conv_out"], channels[last], 2 * configuration.latentChannels, kernel: 3, padding: 1)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    var x = convIn(x)
    for block in blocks { x = block(x) }
    return convOut(normOut(middle(x), silu: true))
  }
}

/// Maps latents to images.
struct VAEDecoder: Sendable {
  let convIn, convOut: Conv2d
  let blocks: [VAEBlock]
  let middle: VAEMiddleBlock
  let normOut: GroupNorm

  init(_ scope: Scope, _ configuration: VAEConfiguration) throws {
    let (channels, last) = (Array(configuration.channels.reversed()), configuration.channels.count - 1)
    convIn = try Conv2d(scope["conv_in"], configuration.latentChannels, channels[0], kernel: 3, padding: 1)
    middle = try VAEMiddleBlock(scope["mid_block"], configuration)
    blocks = try channels.indices.map { index in
      try VAEBlock(
        scope["up_blocks"][index], channels[max(index - 1, 0)], channels[index],
        count: configuration.layersPerBlock + 1, groups: configuration.groups
      ) {
        index == last
          ? nil : .up(try Conv2d($0["upsamplers"][0]["conv"], channels[index], channels[index], kernel: 3, padding: 1))
      }
    }
    normOut = try GroupNorm(
      scope["conv_norm_out"], channels: channels[last], groups: configuration.groups, epsilon: 1e-6)
    convOut = try Conv2d(scope["conv_out"], channels[last], configuration.outputChannels, kernel: 3, padding: 1)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    var x = middle(convIn(x))
    for block in blocks { x = block(x) }
    return convOut(normOut(x, silu: true))
  }
}
