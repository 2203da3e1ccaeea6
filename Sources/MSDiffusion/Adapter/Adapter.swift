import Layers
import Models
import Tensors

/// The weights that MS-Diffusion adds to a frozen model: the projector from images to tokens, the layers that compute
/// keys and values of these tokens next to every cross-attention layer, and the dummy tokens of the background.
public struct Adapter: Sendable {
  public let configuration: AdapterConfiguration
  public let projector: any ImageProjector
  /// One per cross-attention layer, in the U-Net's `crossAttentionLayers` order.
  public let layers: [SubjectAttention]
  let dummyTokens: Parameter
  /// Dummy tokens, 4 as published.
  public var dummies: Int { configuration.dummies }
  /// Tokens per subject, 16 as published.
  public var tokens: Int { configuration.projector.tokens }
  public var contextWidth: Int { configuration.projector.contextWidth }

  /// - Parameters:
  ///   - scope: root of the adapter's weights: `image_proj`, `ms_adapter` and `dummy_image_tokens`.
  ///   - layers: the U-Net's cross-attention layers, in the order of `crossAttentionLayers`.
  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: AdapterConfiguration, beside layers: [CrossAttention]) throws {
    self.configuration = configuration
    projector = try configuration.projector.projector(scope["image_proj"])
    dummyTokens = try scope.parameter(
      "dummy_image_tokens", [1, configuration.dummies, configuration.projector.contextWidth])
    self.layers = try layers.enumerated().map { index, layer in
      // Self- and cross-attention alternate among the numbered processors; only the odd ones hold weights.
      try SubjectAttention(scope["ms_adapter"][2 * index + 1], beside: layer)
    }
  }

  /// The dummy tokens, `[dummies, C]`.
  package var dummyContext: Tensor { dummyTokens.value.reshaped([dummies, contextWidth]) }
}
