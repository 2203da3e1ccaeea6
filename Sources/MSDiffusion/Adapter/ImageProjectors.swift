import Analysis
import Layers
import Tensors

// Axes: S subjects, N image tokens, T tokens a subject, P phrase width, D resampler width, C context width.

/// The grounding resampler: image tokens are asked by queries made of each subject's phrase and box (Eq. 3).
public struct GroundingResampler: Sendable {
  let perceiver: Perceiver
  let queryIn, queryOut: Linear
  let latentNorm: LayerNorm
  let learnedQueries: Parameter
  /// Tokens a subject.
  public let tokens: Int
  /// Width of a phrase embedding.
  public let phraseWidth: Int
  /// Width of an image token.
  package var imageWidth: Int { perceiver.projectIn.weight.shape[1] }

  static let boxWidth = 64

  /// - Parameter heads: attention heads of each block; 64 wide each where nil.
  /// - Throws: `ParameterError` where a weight is missing or of another shape.
  public init(_ scope: Scope, heads: Int?) throws {
    perceiver = try Perceiver(scope, heads: heads)
    let width = perceiver.width
    tokens = try scope.requiredShape(of: "grounding_latents", rank: 3)[1]
    learnedQueries = try scope.parameter("grounding_latents", [1, tokens, width])
    let hidden = try scope.requiredShape(of: "latent_proj.0.weight", rank: 2)
    phraseWidth = hidden[1] - Self.boxWidth
    queryIn = try Linear(scope["latent_proj"][0], hidden[1], hidden[0])
    queryOut = try Linear(scope["latent_proj"][2], hidden[0], tokens * width)
    latentNorm = try LayerNorm(scope["latent_norm"], width)
  }

  /// Queries from phrases and boxes, `[S, T, D]`.
  /// - Parameter phrases: the text encoder's pooled state of each phrase, `[S, P]`.
  package func queries(phrases: Tensor, boxes: [Box]) -> Tensor {
    let grounding = Tensor.concatenated([phrases, boxFeatures(boxes)], axis: 1)
    return latentNorm(queryOut(queryIn(grounding).gelu()).reshaped([boxes.count, tokens, perceiver.width]))
  }

  /// The learned queries of a sample whose grounding is dropped, for each of its subjects: `[S, T, D]`.
  package func droppedQueries(subjects: Int) -> Tensor {
    learnedQueries.value.broadcast(to: [subjects, tokens, perceiver.width])
  }

  /// Subject tokens `[S, T, C]` of image tokens `[S, N, input]`. Subjects do not see each other.
  public func callAsFunction(_ image: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: Bool = false) -> Tensor {
    perceiver(
      image, queries: dropsGrounding ? droppedQueries(subjects: boxes.count) : queries(phrases: phrases, boxes: boxes))
  }

  /// The same with the queries given, `[S, T, D]`.
  package func callAsFunction(_ image: Tensor, queries: Tensor) -> Tensor { perceiver(image, queries: queries) }
}

/// A resampler with learned queries, as in IP-Adapter Plus: knows neither phrase nor box. For ablations.
public struct PlainResampler: Sendable {
  let perceiver: Perceiver
  let learnedQueries: Parameter
  public let tokens: Int

  /// - Throws: `ParameterError` where a weight is missing or of another shape.
  public init(_ scope: Scope, heads: Int?) throws {
    perceiver = try Perceiver(scope, heads: heads)
    tokens = try scope.requiredShape(of: "latents", rank: 3)[1]
    learnedQueries = try scope.parameter("latents", [1, tokens, perceiver.width])
  }

  /// Subject tokens `[S, T, C]` of image tokens `[S, N, input]`.
  public func callAsFunction(_ image: Tensor) -> Tensor {
    perceiver(image, queries: learnedQueries.value.broadcast(to: [image.shape[0], tokens, perceiver.width]))
  }
}

/// A linear map of the pooled image embedding to tokens, as in IP-Adapter. For ablations.
public struct LinearProjector: Sendable {
  let projection: Linear
  let norm: LayerNorm
  public let tokens: Int

  /// - Throws: `ParameterError` where a weight is missing or of another shape.
  public init(_ scope: Scope) throws {
    let shape = try scope.requiredShape(of: "proj.weight", rank: 2)
    let width = try scope.requiredShape(of: "norm.weight", rank: 1)[0]
    guard shape[0] % width == 0 else {
      throw ParameterError.wrongShape(
        key: "proj.weight", expected: [-1, shape[1]], found: shape, source: "linear projector of context width \(width)"
      )
    }
    tokens = shape[0] / width
    projection = try Linear(scope["proj"], shape[1], shape[0])
    norm = try LayerNorm(scope["norm"], width)
  }

  /// Subject tokens `[S, T, C]` of pooled image embeddings `[S, E]`.
  public func callAsFunction(_ embeddings: Tensor) -> Tensor {
    norm(projection(embeddings).reshaped([embeddings.shape[0], tokens, -1]))
  }
}
