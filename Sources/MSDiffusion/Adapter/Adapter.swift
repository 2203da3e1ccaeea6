import Analysis
import Checkpoints
import JSON
import Layers
import Models
import Tensors

/// The weights that MS-Diffusion adds to a frozen model: how images become tokens, keys and values for them in every
/// cross-attention layer, and the dummy tokens of the background.
public struct Adapter: Sendable {
  public enum Projector: Sendable {
    case grounding(GroundingResampler)
    case plain(PlainResampler)
    case linear(LinearProjector)
  }

  public let projector: Projector
  /// One a cross-attention layer, in the U-Net's `crossAttentionLayers` order.
  public let layers: [SubjectAttention]
  let dummyTokens: Parameter
  /// Dummy tokens, 4 as published.
  public let dummies: Int
  /// Tokens a subject, 16 as published.
  public let tokens: Int
  public let contextWidth: Int

  /// - Parameters:
  ///   - scope: root of the adapter's weights: `image_proj`, `ms_adapter` and `dummy_image_tokens`.
  ///   - layers: the U-Net's cross-attention layers, in its adapter order.
  ///   - heads: attention heads of the resampler; 64 wide each where nil.
  /// - Throws: `ParameterError` where a weight is missing or of another shape.
  public init(_ scope: Scope, layers: [CrossAttention], heads: Int? = nil) throws {
    let projection = scope["image_proj"]
    if projection.shape(of: "grounding_latents") != nil {
      let resampler = try GroundingResampler(projection, heads: heads)
      (projector, tokens) = (.grounding(resampler), resampler.tokens)
    } else if projection.shape(of: "latents") != nil {
      let resampler = try PlainResampler(projection, heads: heads)
      (projector, tokens) = (.plain(resampler), resampler.tokens)
    } else {
      let linear = try LinearProjector(projection)
      (projector, tokens) = (.linear(linear), linear.tokens)
    }
    contextWidth = layers.first?.contextWidth ?? 0
    dummies = scope.shape(of: "dummy_image_tokens")?.dropFirst().first ?? 4
    dummyTokens = try scope.parameter("dummy_image_tokens", [1, dummies, contextWidth])
    self.layers = try layers.enumerated().map { index, layer in
      // Self- and cross-attention alternate among the numbered processors; only the odd ones hold weights.
      try SubjectAttention(scope["ms_adapter"][2 * index + 1], beside: layer)
    }
  }

  /// The dummy tokens, `[dummies, C]`.
  package var dummyContext: Tensor { dummyTokens.value.reshaped([dummies, contextWidth]) }
}
