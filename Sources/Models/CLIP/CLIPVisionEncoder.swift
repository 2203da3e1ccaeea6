import JSON
import Layers
import Tensors

/// A CLIP vision transformer (Radford et al., 2021) with the published checkpoint keys.
public struct CLIPVisionEncoder: Sendable {
  public struct Configuration: Sendable {
    /// Width of the hidden states, C.
    public var width: Int
    /// Width between the two layers of a block's network.
    public var inner: Int
    /// Number of transformer blocks.
    public var layers: Int
    public var heads: Int
    /// Side of an image in pixels.
    public var imageSize: Int
    /// Side of a patch in pixels.
    public var patchSize: Int
    /// Number of colour channels.
    public var channels: Int
    public var epsilon: Float
    public var activation: Activation
    /// Width of the embedding after the projection, P.
    public var projection: Int

    /// Number of tokens of one image: the class token, and one token per patch.
    public var tokens: Int { (imageSize / patchSize) * (imageSize / patchSize) + 1 }

    /// Reads a `config.json` as published for CLIPVisionModelWithProjection, and for CLIPModel, whose `vision_config`
    /// describes the vision encoder. An entry that it omits has the default of transformers' CLIPVisionConfig.
    /// - Throws: `JSONError` for an entry of the wrong type; `ParameterError.unsupported` for sizes or an activation
    ///   that cannot be used.
    public init(_ json: JSONNode) throws {
      let own = json["vision_config"].isPresent ? json["vision_config"] : json
      width = try own["hidden_size"].int(or: 768)
      inner = try own["intermediate_size"].int(or: 3072)
      layers = try own["num_hidden_layers"].int(or: 12)
      heads = try own["num_attention_heads"].int(or: 12)
      imageSize = try own["image_size"].int(or: 224)
      patchSize = try own["patch_size"].int(or: 32)
      channels = try own["num_channels"].int(or: 3)
      epsilon = Float(try own["layer_norm_eps"].double(or: 1e-5))
      activation = try Activation(own["hidden_act"], or: .quickGELU, component: "CLIP vision encoder")
      // The configuration of a whole CLIP model gives one width for both projections, outside of `vision_config`.
      projection = try (json["projection_dim"].isPresent ? json["projection_dim"] : own["projection_dim"]).int(or: 512)
      try checkSizes(
        "CLIP vision encoder",
        [
          "hidden_size": width, "intermediate_size": inner,
          "num_attention_heads": heads, "image_size": imageSize, "patch_size": patchSize, "num_channels": channels,
          "projection_dim": projection,
        ])
      try checkSizes("CLIP vision encoder", ["num_hidden_layers": layers], atMost: 512)
      guard imageSize % patchSize == 0 else {
        throw ParameterError.unsupported(
          component: "CLIP vision encoder", option: "patch_size", found: "\(patchSize)",
          supported: "a divisor of image_size \(imageSize)")
      }
    }
  }

  /// The output for B images of N tokens.
  public struct Output: Sendable {
    /// Every hidden state `[B, N, C]`, or the last two: embeddings first, then each layer's output; no final norm.
    public let hiddenStates: [Tensor]
    /// The class token after the final norm and the projection, `[B, P]`.
    public let imageEmbedding: Tensor

    /// The second-to-last hidden state, which the resampler reads.
    public var penultimate: Tensor { hiddenStates[max(hiddenStates.count - 2, 0)] }
    /// The last layer's output, before the final norm.
    public var lastHidden: Tensor { hiddenStates[hiddenStates.count - 1] }
  }

  public let configuration: Configuration
  let classToken: Parameter
  let patches: Conv2d
  let positions: Embedding
  let preNorm, postNorm: LayerNorm
  let transformer: CLIPTransformer
  let projection: Linear

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: Configuration) throws {
    let model = scope["vision_model"]
    let width = configuration.width
    self.configuration = configuration
    classToken = try model["embeddings"].parameter("class_embedding", [width])
    patches = try Conv2d(
      model["embeddings"]["patch_embedding"], configuration.channels, width, kernel: configuration.patchSize,
      stride: configuration.patchSize, bias: false)
    positions = try Embedding(
      model["embeddings"]["position_embedding"], count: configuration.tokens, width: width)
    preNorm = try LayerNorm(model["pre_layrnorm"], width, epsilon: configuration.epsilon)
    transformer = try CLIPTransformer(
      model["encoder"],
      .init(
        width: width, inner: configuration.inner, heads: configuration.heads, layers: configuration.layers,
        epsilon: configuration.epsilon, activation: configuration.activation))
    postNorm = try LayerNorm(model["post_layernorm"], width, epsilon: configuration.epsilon)
    projection = try Linear(scope["visual_projection"], width, configuration.projection, bias: false)
  }

  /// Encodes preprocessed images `[B, channels, S, S]`, with S the configuration's `imageSize`.
  /// - Parameter keepsAllStates: whether the output holds every hidden state; otherwise only the last two.
  public func callAsFunction(_ pixels: Tensor, keepsAllStates: Bool = true) -> Output {
    let (batch, width) = (pixels.shape[0], configuration.width)
    let patchTokens = patches(pixels).reshaped([batch, width, configuration.tokens - 1]).transposed()  // [B, P, C]
    let classTokens = classToken.value.reshaped([1, 1, width]).broadcast(to: [batch, 1, width])
    let embedded = Tensor.concatenated([classTokens, patchTokens], axis: 1)
    let states = transformer(
      preNorm(embedded + positions(Array(0..<configuration.tokens))), causal: false, keepsAllStates: keepsAllStates)
    let pooled = postNorm(states[states.count - 1].sliced(axis: 1, 0..<1).reshaped([batch, width]))
    return Output(hiddenStates: states, imageEmbedding: projection(pooled))
  }
}
