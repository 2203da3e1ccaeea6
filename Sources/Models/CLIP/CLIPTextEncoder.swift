import JSON
import Layers
import Tensors

/// A CLIP text encoder (Radford et al., 2021) with the published checkpoint keys, with or without a projection.
public struct CLIPTextEncoder: Sendable {
  public struct Configuration: Sendable {
    /// Width of the hidden states, C.
    public var width: Int
    /// Width between the two layers of a block's network.
    public var inner: Int
    /// Number of transformer blocks.
    public var layers: Int
    public var heads: Int
    /// Greatest number of tokens.
    public var positions: Int
    /// Number of tokens in the vocabulary.
    public var vocabulary: Int
    public var epsilon: Float
    public var activation: Activation
    public var endToken: Int
    /// Width of `text_projection`; nil if the model has no projection.
    public var projection: Int?

    /// Reads a `config.json` as published for CLIPTextModel, CLIPTextModelWithProjection, and for CLIPModel, whose
    /// `text_config` describes the text encoder. An entry that it omits has the default of transformers'
    /// CLIPTextConfig.
    /// - Parameter className: the class that the model folder's index names; nil: the class that the configuration
    ///   names. It decides whether the encoder has a projection.
    /// - Throws: `JSONError` for an entry of the wrong type; `ParameterError.unsupported` for sizes or an activation
    ///   that cannot be used.
    public init(_ json: JSONNode, className: String? = nil) throws {
      let own = json["text_config"].isPresent ? json["text_config"] : json
      width = try own["hidden_size"].int(or: 512)
      inner = try own["intermediate_size"].int(or: 2048)
      layers = try own["num_hidden_layers"].int(or: 12)
      heads = try own["num_attention_heads"].int(or: 8)
      positions = try own["max_position_embeddings"].int(or: 77)
      vocabulary = try own["vocab_size"].int(or: 49408)
      epsilon = Float(try own["layer_norm_eps"].double(or: 1e-5))
      activation = try Activation(own["hidden_act"], or: .quickGELU, component: "CLIP text encoder")
      endToken = try own["eos_token_id"].int(or: 49407)
      let architectures = json["architectures"].isPresent ? try json["architectures"].strings() : []
      let classes = className.map { [$0] } ?? architectures
      // The configuration of a whole CLIP model gives one width for both projections, outside of `text_config`.
      let size = json["projection_dim"].isPresent ? json["projection_dim"] : own["projection_dim"]
      let projects = classes.contains { ["CLIPTextModelWithProjection", "CLIPModel"].contains($0) }
      projection = projects ? try size.int(or: 512) : nil
      try checkSizes(
        "CLIP text encoder",
        [
          "hidden_size": width, "intermediate_size": inner,
          "num_attention_heads": heads, "max_position_embeddings": positions, "vocab_size": vocabulary,
        ])
      try checkSizes("CLIP text encoder", ["num_hidden_layers": layers], atMost: 512)
    }
  }

  /// The output for a batch of B rows of N tokens.
  public struct Output: Sendable {
    /// Every hidden state `[B, N, C]`: embeddings first, then each layer's output; no final norm.
    public let hiddenStates: [Tensor]
    /// The last hidden state after the final norm, `[B, N, C]`.
    public let lastHidden: Tensor
    /// The state at the end token after the final norm, `[B, C]`.
    public let pooled: Tensor
    /// The pooled state after the projection, `[B, P]`; nil if the model has no projection.
    public let projected: Tensor?

    /// The second-to-last hidden state, which SDXL conditions on.
    public var penultimate: Tensor { hiddenStates[max(hiddenStates.count - 2, 0)] }
  }

  public let configuration: Configuration
  let tokens, positions: Embedding
  let transformer: CLIPTransformer
  let finalNorm: LayerNorm
  let projection: Linear?

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: Configuration) throws {
    let model = scope["text_model"]
    self.configuration = configuration
    tokens = try Embedding(
      model["embeddings"]["token_embedding"], count: configuration.vocabulary, width: configuration.width)
    positions = try Embedding(
      model["embeddings"]["position_embedding"], count: configuration.positions, width: configuration.width)
    transformer = try CLIPTransformer(
      model["encoder"],
      .init(
        width: configuration.width, inner: configuration.inner, heads: configuration.heads,
        layers: configuration.layers, epsilon: configuration.epsilon, activation: configuration.activation))
    finalNorm = try LayerNorm(model["final_layer_norm"], configuration.width, epsilon: configuration.epsilon)
    projection = try configuration.projection.map {
      try Linear(scope["text_projection"], configuration.width, $0, bias: false)
    }
  }

  /// Encodes rows of token ids. Stops the program if the rows differ in length, or are longer than the configuration's
  /// `positions`.
  public func callAsFunction(_ rows: [[Int]]) -> Output {
    let length = rows.first?.count ?? 0
    guard length <= configuration.positions, rows.allSatisfy({ $0.count == length }) else {
      fail(
        "CLIP text encoder: expected rows of one length up to \(configuration.positions), found \(rows.map(\.count))"
      )
    }
    let embedded = tokens(rows.flatMap { $0 }).reshaped([rows.count, length, configuration.width])
    let states = transformer(embedded + positions(Array(0..<length)), causal: true)
    let last = finalNorm(states[states.count - 1])
    let pooled = Tensor.stacked(
      rows.enumerated().map { row, ids in
        last.sliced(axis: 0, row..<(row + 1)).sliced(axis: 1, endPosition(ids)..<(endPosition(ids) + 1))
          .reshaped([configuration.width])
      }, axis: 0)
    return Output(hiddenStates: states, lastHidden: last, pooled: pooled, projected: projection.map { $0(pooled) })
  }

  /// The position of the token whose state is the pooled state. If the configuration names end token 2, as published
  /// ones do, it is the token with the largest id; otherwise it is the first end token.
  private func endPosition(_ ids: [Int]) -> Int {
    if configuration.endToken == 2 { return ids.firstIndex(of: ids.max() ?? 0) ?? 0 }
    return ids.firstIndex(of: configuration.endToken) ?? 0
  }
}

/// Checks that sizes from a configuration are from 1 to `limit`, before anything is multiplied or allocated.
/// - Throws: `ParameterError.unsupported` for the first size that is outside of this range, in alphabetical order.
package func checkSizes(_ component: String, _ sizes: [String: Int], atMost limit: Int = 1 << 20) throws {
  for (option, size) in sizes.sorted(by: { $0.key < $1.key }) where !(1...limit).contains(size) {
    throw ParameterError.unsupported(
      component: component, option: option, found: "\(size)", supported: "a whole number from 1 to \(limit)")
  }
}
