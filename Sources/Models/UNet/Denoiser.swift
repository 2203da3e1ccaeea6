import Layers
import Tensors

// Axes: B batch, C latent channels, H and W height and width of latents.

/// A network that predicts noise or velocity, from which a scheduler takes a step: a U-Net alone, or one to which a
/// second network adds residuals.
public protocol Denoiser: Sendable {
  var configuration: UNetConfiguration { get }
  /// Every cross-attention layer in the order in which adapters number them.
  var crossAttentionLayers: [CrossAttention] { get }

  /// - Parameters:
  ///   - latents: scaled latents `[B, C, H, W]`.
  ///   - timesteps: one per row, or one for all.
  ///   - context: the context of cross-attention, with as many rows.
  ///   - added: SDXL's added conditions.
  ///   - residuals: added by a second network.
  /// - Returns: noise or velocity, `[B, C, H, W]`.
  func callAsFunction(
    _ latents: Tensor, timesteps: [Float], context: AttentionContext, added: AddedConditions?,
    residuals: ExtraResiduals?
  ) -> Tensor
}

/// The added conditions of SDXL.
public struct AddedConditions: Sendable {
  /// Pooled text state of the second encoder, `[B, P]`.
  public var pooledText: Tensor
  /// Original height and width, crop top and left, target height and width in pixels, `[B, 6]`.
  public var timeIDs: Tensor

  public init(pooledText: Tensor, timeIDs: Tensor) { (self.pooledText, self.timeIDs) = (pooledText, timeIDs) }
}

/// Residuals that a second network, such as a ControlNet, adds inside a U-Net.
public struct ExtraResiduals: Sendable {
  /// One per skip, in the order of the down blocks, each with the shape of its skip.
  public var skips: [Tensor]
  /// Has the shape of the middle block's output; nil: none.
  public var middle: Tensor?

  public init(skips: [Tensor], middle: Tensor? = nil) { (self.skips, self.middle) = (skips, middle) }

  func added(to own: [Tensor], middle output: Tensor) -> (skips: [Tensor], middle: Tensor) {
    guard skips.count == own.count else { fail("U-Net: \(skips.count) extra residuals for \(own.count) skips") }
    return (zip(own, skips).map { $0 + $1 }, middle.map { output + $0 } ?? output)
  }
}
