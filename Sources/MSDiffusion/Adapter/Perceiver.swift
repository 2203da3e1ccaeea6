import Layers
import Tensors

// Axes: S subjects, N image tokens, T query tokens, D resampler width, C context width.

/// One resampler block: queries attend to image tokens and to themselves, then a two-layer network (Eq. 3).
struct PerceiverBlock: Sendable {
  let imageNorm, queryNorm, networkNorm: LayerNorm
  let toQ, toKV, toOut, expand, contract: Linear
  let pattern: HookPoint

  init(_ scope: Scope, width: Int, inner: Int, heads: Int, network: Int) throws {
    let attention = scope[0]
    imageNorm = try LayerNorm(attention["norm1"], width)
    queryNorm = try LayerNorm(attention["norm2"], width)
    toQ = try Linear(attention["to_q"], width, inner, bias: false)
    toKV = try Linear(attention["to_kv"], width, 2 * inner, bias: false)
    toOut = try Linear(attention["to_out"], inner, width, bias: false)
    networkNorm = try LayerNorm(scope[1][0], width)
    expand = try Linear(scope[1][1], width, network, bias: false)
    contract = try Linear(scope[1][3], network, width, bias: false)
    pattern = attention.hook("pattern", .selfAttention, heads: heads, axes: .batch, .head, .query, .key)
  }

  /// `queries` `[S, T, D]` and `image` `[S, N, D]` to `[S, T, D]`.
  func callAsFunction(_ queries: Tensor, image: Tensor) -> Tensor {
    let normed = queryNorm(queries)
    let keysValues = toKV(.concatenated([imageNorm(image), normed], axis: 1))
    let inner = keysValues.shape[2] / 2
    let parts = keysValues.split(axis: 2, sizes: [inner, inner])
    let attended = pattern.attend(toQ(normed), parts[0], parts[1])
    let queries = queries + toOut(attended)
    return queries + contract(expand(networkNorm(queries)).gelu())
  }
}

/// What plain and grounding resampler share: projections and blocks around given queries.
struct Perceiver: Sendable {
  let projectIn, projectOut: Linear
  let blocks: [PerceiverBlock]
  let queryNorm, normOut: LayerNorm
  let width: Int
  let contextWidth: Int

  /// Sizes come from the shapes of the weights; the number of heads, which no shape tells, from the caller.
  init(_ scope: Scope, heads: Int?) throws {
    let input = try scope.requiredShape(of: "proj_in.weight", rank: 2)
    let output = try scope.requiredShape(of: "proj_out.weight", rank: 2)
    (width, contextWidth) = (input[0], output[0])
    projectIn = try Linear(scope["proj_in"], input[1], width)
    projectOut = try Linear(scope["proj_out"], width, contextWidth)
    queryNorm = try LayerNorm(scope["attention_norm"], width)
    normOut = try LayerNorm(scope["norm_out"], contextWidth)
    let inner = try scope["layers"][0][0].requiredShape(of: "to_q.weight", rank: 2)[0]
    let network = try scope["layers"][0][1].requiredShape(of: "1.weight", rank: 2)[0]
    let heads = heads ?? (inner % 64 == 0 ? inner / 64 : 0)
    guard heads > 0, inner % heads == 0 else {
      throw ParameterError.unsupported(
        component: "resampler", option: "heads", found: heads == 0 ? "unknown" : "\(heads)",
        supported:
          "a divisor of the attention width \(inner), named in ms_adapter_config.json; without it, heads are 64 wide")
    }
    var blocks: [PerceiverBlock] = []
    while scope.shape(of: "layers.\(blocks.count).0.to_q.weight") != nil {
      blocks.append(
        try PerceiverBlock(
          scope["layers"][blocks.count], width: width, inner: inner, heads: heads, network: network))
    }
    self.blocks = blocks
  }

  /// `image` `[S, N, input]` with `queries` `[S, T, D]` to `[S, T, C]`.
  func callAsFunction(_ image: Tensor, queries: Tensor) -> Tensor {
    let image = projectIn(image)
    var queries = queries
    for block in blocks { queries = block(queries, image: image) }
    return normOut(projectOut(queryNorm(queries)))
  }
}

extension Scope {
  /// The shape that the weights have under a name.
  /// - Throws: `ParameterError` where there is none, or one of another number of axes.
  func requiredShape(of name: String, rank: Int) throws -> [Int] {
    guard let shape = shape(of: name) else {
      throw ParameterError.missing(key: self[name].path, shape: Array(repeating: -1, count: rank), source: "adapter")
    }
    guard shape.count == rank, shape.allSatisfy({ $0 > 0 }) else {
      throw ParameterError.wrongShape(
        key: self[name].path, expected: Array(repeating: -1, count: rank), found: shape, source: "adapter")
    }
    return shape
  }
}
