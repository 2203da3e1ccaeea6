import JSON
import Layers
import Tensors

// Axes: B batch, C channels, H height, W width, K context tokens.

/// The denoising network of SD 1.x, SD 2.x and SDXL, with the published checkpoint keys.
public struct UNet: Denoiser {
  public let configuration: UNetConfiguration
  /// The hook points of the network, and of other models that share its catalog.
  public let hooks: HookCatalog
  /// Whether training recomputes inner results instead of keeping them. This saves memory, takes a third more time, and
  /// changes no bit of the results.
  public var checkpointsActivations = false
  let timeEmbedding: FeatureEmbedding
  let addedEmbedding: FeatureEmbedding?
  let convIn, convOut: Conv2d
  let downBlocks: [UNetDownBlock]
  let middleBlock: UNetMiddleBlock
  let upBlocks: [UNetUpBlock]
  let normOut: GroupNorm
  let timeOutput, convInOutput: HookPoint
  let addedOutput: HookPoint?

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: UNetConfiguration) throws {
    (self.configuration, hooks) = (configuration, scope.catalog)
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
    addedOutput = addedEmbedding.map { _ in
      scope["add_embedding"].hook("output", .blockOutput, axes: .batch, .channel)
    }
    convInOutput = scope["conv_in"].hook("output", .blockOutput, axes: .batch, .channel, .height, .width)
  }

  /// All cross-attention layers, in the order in which adapters number them: down blocks, up blocks, middle block.
  public var crossAttentionLayers: [CrossAttention] {
    (downBlocks.flatMap(\.attentions) + upBlocks.flatMap(\.attentions) + [middleBlock.attention])
      .flatMap(\.blocks).map(\.crossAttention)
  }

  /// Predicts noise or velocity. Stops the program if inputs do not have matching numbers of rows or residuals.
  /// - Parameters:
  ///   - latents: scaled latents `[B, in, H, W]`, of any height and width.
  ///   - timesteps: one timestep per row, or one for all rows.
  ///   - context: the context of cross-attention, with B rows.
  ///   - added: SDXL's added conditions; if the configuration has them and they are missing, the program stops.
  ///   - residuals: residuals that a second network adds to the skips and to the middle block's output; nil: none.
  /// - Returns: `[B, out, H, W]`.
  public func callAsFunction(
    _ latents: Tensor, timesteps: [Float], context: AttentionContext, added: AddedConditions? = nil,
    residuals: ExtraResiduals? = nil
  ) -> Tensor {
    let embedding = self.embedding(timesteps, batch: latents.shape[0], added: added)
    let conditions = UNetConditions(
      embedding: embedding.silu(), context: context, checkpointsActivations: checkpointsActivations)
    var x = convInOutput(convIn(latents), on: latents.grid)
    var skips = [x]
    for block in downBlocks {
      let (output, kept) = block(x, conditions)
      x = output
      skips += kept
    }
    x = middleBlock(x, conditions)
    if let residuals { (skips, x) = residuals.added(to: skips, middle: x) }
    for block in upBlocks { x = block(x, skips: &skips, conditions) }
    return convOut(normOut(x, silu: true))
  }

  /// The sum of the time embedding and of the embedded added conditions, before SiLU: `[B, E]`.
  func embedding(_ timesteps: [Float], batch: Int, added: AddedConditions?) -> Tensor {
    let rows = timesteps.count == 1 ? Array(repeating: timesteps[0], count: batch) : timesteps
    guard rows.count == batch else { fail("U-Net: expected 1 or \(batch) timesteps, found \(rows.count)") }
    let time = timeOutput(timeEmbedding(features(rows, width: configuration.channels[0])))
    guard let addedEmbedding else { return time }
    guard let added else { fail("U-Net: expected the added conditions that the configuration has, found none") }
    let embedded = addedEmbedding(addedFeatures(added))
    return time + (addedOutput?(embedded) ?? embedded)
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
