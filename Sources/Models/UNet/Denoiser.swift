import Layers
import Tensors

// Axes: B batch, C latent channels, H and W height and width of latents.

/// A network that predicts noise or velocity, from which a scheduler takes a step: a U-Net alone, or a U-Net to which a
/// second network adds residuals.
public protocol Denoiser: Sendable {
  var configuration: UNetConfiguration { get }
  /// All cross-attention layers, in the order in which adapters number them.
  var crossAttentionLayers: [CrossAttention] { get }

  /// - Parameters:
  ///   - latents: scaled latents `[B, C, H, W]`.
  ///   - timesteps: one timestep per row, or one for all rows.
  ///   - context: the context of cross-attention, with B rows.
  ///   - added: SDXL's added conditions; nil: none.
  ///   - residuals: residuals that a second network adds; nil: none.
  /// - Returns: the predicted noise or velocity, `[B, C, H, W]`.
  func callAsFunction(
    _ latents: Tensor, timesteps: [Float], context: AttentionContext, added: AddedConditions?,
    residuals: ExtraResiduals?
  ) -> Tensor
}

/// The added conditions of SDXL.
public struct AddedConditions: Sendable {
  /// The second text encoder's pooled state, `[B, P]`.
  public var pooledText: Tensor
  /// Original height and width, top and left of the crop, target height and width, all in pixels: `[B, 6]`.
  public var timeIDs: Tensor

  public init(pooledText: Tensor, timeIDs: Tensor) { (self.pooledText, self.timeIDs) = (pooledText, timeIDs) }
}

/// Residuals that a second network, such as a ControlNet, adds inside a U-Net.
public struct ExtraResiduals: Sendable {
  /// One residual per skip connection, in the order of the down blocks, each with the shape of its skip.
  public var skips: [Tensor]
  /// The residual of the middle block's output, with its shape; nil: none.
  public var middle: Tensor?

  public init(skips: [Tensor], middle: Tensor? = nil) { (self.skips, self.middle) = (skips, middle) }

  func added(to own: [Tensor], middle output: Tensor) -> (skips: [Tensor], middle: Tensor) {
    guard skips.count == own.count else {
      fail("U-Net: expected \(own.count) extra residuals, one per skip, found \(skips.count)")
    }
    return (zip(own, skips).map { $0 + $1 }, middle.map { output + $0 } ?? output)
  }
}
