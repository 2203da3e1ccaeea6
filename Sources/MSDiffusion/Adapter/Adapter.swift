import Layers
import Models
import Tensors

/// The weights that MS-Diffusion adds to a frozen model: a projector that turns images into tokens; for every
/// cross-attention layer, maps of these tokens to keys and values; and dummy tokens for the background.
public struct Adapter: Sendable {
  public let configuration: AdapterConfiguration
  public let projector: any ImageProjector
  /// The subject branch of each cross-attention layer, in the order of the U-Net's `crossAttentionLayers`.
  public let layers: [SubjectAttention]
  let dummyTokens: Parameter
  /// Number of dummy tokens, 4 as published.
  public var dummies: Int { configuration.dummies }
  /// Number of tokens per subject, 16 as published.
  public var tokens: Int { configuration.projector.tokens }
  /// Width of subject tokens and dummy tokens, C.
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
      // Published keys number self- and cross-attention layers in turn. Only cross-attention, with odd numbers, has
      // weights.
      try SubjectAttention(scope["ms_adapter"][2 * index + 1], beside: layer)
    }
  }

  /// The dummy tokens, `[dummies, C]`.
  package var dummyContext: Tensor { dummyTokens.value.reshaped([dummies, contextWidth]) }
}
