import JSON
import Layers
import Tensors

// Axes: S subjects, N image tokens, T query tokens, W image width, D resampler width, C context width.

/// One resampler block: queries attend to image tokens and to themselves, then go through a two-layer network (Eq. 3).
struct PerceiverBlock: Sendable {
  let imageNorm, queryNorm, networkNorm: LayerNorm
  let toQ, toKV, toOut, expand, contract: Linear
  let pattern: HookPoint

  init(_ scope: Scope, _ configuration: PerceiverConfiguration) throws {
    let (width, heads, network) = (configuration.width, configuration.heads, configuration.networkWidth)
    let (attention, inner) = (scope[0], heads * configuration.headWidth)
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

  /// Maps `queries` `[S, T, D]` and `image` `[S, N, D]` to `[S, T, D]`.
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

/// The sizes that the plain and the grounding resampler have in common.
public struct PerceiverConfiguration: Sendable, Equatable {
  /// Width of an image token.
  public var imageWidth: Int
  /// Width of the queries, D.
  public var width: Int
  /// Number of blocks.
  public var depth: Int
  /// Number of attention heads in each block, and the width of one head.
  public var heads, headWidth: Int
  /// Width between the two layers of a block's network.
  public var networkWidth: Int
  /// Width of the tokens, C.
  public var contextWidth: Int

  /// - Throws: `ParameterError` for sizes that are missing or impossible; `JSONError` for an entry of the wrong type.
  init(_ sizes: AdapterSizes) throws {
    imageWidth = try sizes.size("image_width", of: "proj_in.weight", axis: 1, rank: 2)
    width = try sizes.size("width", of: "proj_in.weight", axis: 0, rank: 2)
    contextWidth = try sizes.size("context_width", of: "proj_out.weight", axis: 0, rank: 2)
    networkWidth = try sizes.size("network_width", of: "layers.0.1.1.weight", axis: 0, rank: 2)
    (heads, headWidth) = try Self.heads(sizes)
    depth = try sizes.written("depth", atMost: 512) ?? Self.depth(sizes)
  }

  /// The number of heads cannot be inferred from a shape: it comes from the configuration or from the caller. If
  /// neither gives it, heads are 64 wide, as published.
  private static func heads(_ sizes: AdapterSizes) throws -> (heads: Int, headWidth: Int) {
    let headWidth = try sizes.written("head_width")
    let given = try sizes.written("heads") ?? sizes.heads
    if let given, let headWidth { return (given, headWidth) }
    let inner = try sizes.shape(of: "layers.0.0.to_q.weight", rank: 2)[0]
    let width = headWidth ?? 64
    let heads = given ?? (inner % width == 0 ? inner / width : 0)
    guard heads > 0, inner % heads == 0 else {
      throw ParameterError.unsupported(
        component: "resampler", option: "heads",
        found: given.map { "\($0)" } ?? "missing (\(inner) is no multiple of the head width \(width))",
        supported: "a divisor of the attention width \(inner), to be set in \(AdapterSizes.file)")
    }
    return (heads, inner / heads)
  }

  private static func depth(_ sizes: AdapterSizes) throws -> Int {
    _ = try sizes.shape(of: "layers.0.0.to_q.weight", rank: 2)
    var depth = 1
    while sizes.weights.shape(of: "layers.\(depth).0.to_q.weight") != nil { depth += 1 }
    return depth
  }

  var entries: [(String, JSONValue)] {
    [
      ("image_width", JSONValue(imageWidth)), ("width", JSONValue(width)), ("depth", JSONValue(depth)),
      ("heads", JSONValue(heads)), ("head_width", JSONValue(headWidth)), ("network_width", JSONValue(networkWidth)),
      ("context_width", JSONValue(contextWidth)),
    ]
  }
}

/// The common part of the plain and the grounding resampler: projections and blocks, which take queries as input.
struct Perceiver: Sendable {
  let projectIn, projectOut: Linear
  let blocks: [PerceiverBlock]
  let queryNorm, normOut: LayerNorm

  init(_ scope: Scope, _ configuration: PerceiverConfiguration) throws {
    projectIn = try Linear(scope["proj_in"], configuration.imageWidth, configuration.width)
    projectOut = try Linear(scope["proj_out"], configuration.width, configuration.contextWidth)
    queryNorm = try LayerNorm(scope["attention_norm"], configuration.width)
    normOut = try LayerNorm(scope["norm_out"], configuration.contextWidth)
    blocks = try (0..<configuration.depth).map { try PerceiverBlock(scope["layers"][$0], configuration) }
  }

  /// Maps `image` `[S, N, W]` and `queries` `[S, T, D]` to `[S, T, C]`.
  func callAsFunction(_ image: Tensor, queries: Tensor) -> Tensor {
    let image = projectIn(image)
    var queries = queries
    for block in blocks { queries = block(queries, image: image) }
    return normOut(projectOut(queryNorm(queries)))
  }
}
