import JSON
import Layers
import Tensors

// Axes: B batch, C channels, H height, W width, K context tokens.

/// The denoising network of SD 1.x, SD 2.x and SDXL, from its published keys.
public struct UNet: Sendable {
  public let configuration: UNetConfiguration
  /// Whether training makes inner results again instead of keeping them: less memory, a third more time, the same bits.
  public var checkpointsActivations = false
  let timeEmbedding: FeatureEmbedding
  let addedEmbedding: FeatureEmbedding?
  let convIn, convOut: Conv2d
  let downBlocks: [UNetDownBlock]
  let middleBlock: UNetMiddleBlock
  let upBlocks: [UNetUpBlock]
  let normOut: GroupNorm
  let timeOutput, addedOutput, convInOutput: HookPoint

  /// The added conditions of SDXL.
  public struct AddedConditions: Sendable {
    /// Pooled text state of the second encoder, `[B, P]`.
    public var pooledText: Tensor
    /// Original height and width, crop top and left, target height and width in pixels, `[B, 6]`.
    public var timeIDs: Tensor

    public init(pooledText: Tensor, timeIDs: Tensor) { (self.pooledText, self.timeIDs) = (pooledText, timeIDs) }
  }

  /// - Throws: `ParameterError` where a weight is missing or of another shape.
  public init(_ scope: Scope, _ configuration: UNetConfiguration) throws {
    self.configuration = configuration
    let (first, time) = (configuration.channels[0], 4 * configuration.channels[0])
    convIn = try Conv2d(scope["conv_in"], configuration.inChannels, first, kernel: 3, padding: 1)
    timeEmbedding = try FeatureEmbedding(scope["time_embedding"], first, time)
    addedEmbedding = try configuration.addedConditions.map {
      try FeatureEmbedding(scope["add_embedding"], $0.inputWidth, time)
    }
    downBlocks = try configuration.channels.indices.map {
      try UNetDownBlock(scope["down_blocks"][$0], $0, configuration, time: time)
    }
    middleBlock = try UNetMiddleBlock(scope["mid_block"], configuration, time: time)
    upBlocks = try configuration.channels.indices.map {
      try UNetUpBlock(scope["up_blocks"][$0], $0, configuration, time: time)
    }
    normOut = try GroupNorm(
      scope["conv_norm_out"], channels: first, groups: configuration.groups, epsilon: configuration.epsilon)
    convOut = try Conv2d(scope["conv_out"], first, configuration.outChannels, kernel: 3, padding: 1)
    timeOutput = scope["time_embedding"].hook("output", .blockOutput, axes: .batch, .channel)
    addedOutput = scope["add_embedding"].hook("output", .blockOutput, axes: .batch, .channel)
    convInOutput = scope["conv_in"].hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  /// Every cross-attention layer in the order in which adapters number them: down blocks, up blocks, middle block.
  public var crossAttentionLayers: [CrossAttention] {
    (downBlocks.flatMap(\.attentions) + upBlocks.flatMap(\.attentions) + [middleBlock.attention])
      .flatMap(\.blocks).map(\.crossAttention)
  }

  /// Predicts noise or velocity.
  /// - Parameters:
  ///   - sample: scaled latents `[B, in, H, W]`, any height and width.
  ///   - timesteps: one a row, or one for all.
  ///   - context: text tokens `[B, K, contextWidth]`.
  ///   - added: SDXL's added conditions; needed where the configuration has them.
  ///   - companion: what joins text attention in every cross-attention layer.
  /// - Returns: `[B, out, H, W]`.
  public func callAsFunction(
    _ sample: Tensor, timesteps: [Float], context: Tensor, added: AddedConditions? = nil,
    companion: (any CrossAttentionCompanion)? = nil
  ) -> Tensor {
    let embedding = self.embedding(timesteps, batch: sample.shape[0], added: added)
    let conditions = UNetConditions(
      embedding: embedding.silu(), context: context, companion: companion,
      checkpointsActivations: checkpointsActivations)
    var x = convInOutput(convIn(sample), on: sample.grid)
    var skips = [x]
    for block in downBlocks {
      let (output, kept) = block(x, conditions)
      x = output
      skips += kept
    }
    x = middleBlock(x, conditions)
    for block in upBlocks { x = block(x, skips: &skips, conditions) }
    return convOut(normOut(x, silu: true))
  }

  /// The time embedding with the added conditions in it, before SiLU: `[B, E]`.
  func embedding(_ timesteps: [Float], batch: Int, added: AddedConditions?) -> Tensor {
    let rows = timesteps.count == 1 ? Array(repeating: timesteps[0], count: batch) : timesteps
    guard rows.count == batch else { fail("U-Net: \(rows.count) timesteps for a batch of \(batch)") }
    let time = timeOutput(timeEmbedding(features(rows, width: configuration.channels[0])))
    guard let addedEmbedding else { return time }
    guard let added else { fail("U-Net: the configuration has added text and time conditions, none were given") }
    return time + addedOutput(addedEmbedding(addedFeatures(added)))
  }

  /// Pooled text and the features of the micro-conditioning numbers, side by side.
  private func addedFeatures(_ added: AddedConditions) -> Tensor {
    let width = configuration.addedConditions?.timeWidth ?? 0
    let ids = features(added.timeIDs.values, width: width).reshaped([added.timeIDs.shape[0], -1])
    return .concatenated([added.pooledText, ids], axis: 1)
  }

  private func features(_ numbers: [Float], width: Int) -> Tensor {
    sinusoidalFeatures(
      numbers, width: width, flipsSineToCosine: configuration.flipsSineToCosine,
      frequencyShift: configuration.frequencyShift)
  }
}
