import Analysis
import JSON
import Layers
import Tensors

// Axes: S subjects, N image tokens, T tokens per subject, W image width, P phrase width, D resampler width, C context
// width.

/// The grounding resampler: queries made from a subject's phrase and box attend to the subject's image tokens (Eq. 3).
public struct GroundingResampler: ImageProjector {
  public struct Configuration: ProjectorConfiguration {
    public static let name = "grounding"
    public static let ownWeight = "grounding_latents"
    public var perceiver: PerceiverConfiguration
    public var tokens: Int
    /// Width between the two layers that compute the queries.
    public var hiddenWidth: Int
    /// Width of the phrase embedding and of the box features, added up.
    public var groundingWidth: Int

    public var imageInput: ImageInput { .states }
    public var imageWidth: Int { perceiver.imageWidth }
    public var phraseWidth: Int? { groundingWidth - boxFeatureWidth }
    public var contextWidth: Int { perceiver.contextWidth }

    public init(_ sizes: AdapterSizes) throws {
      perceiver = try PerceiverConfiguration(sizes)
      tokens = try sizes.size("tokens", of: Self.ownWeight, axis: 1, rank: 3)
      hiddenWidth = try sizes.size("hidden_width", of: "latent_proj.0.weight", axis: 0, rank: 2)
      groundingWidth =
        try sizes.written("phrase_width").map { $0 + boxFeatureWidth }
        ?? sizes.shape(of: "latent_proj.0.weight", rank: 2)[1]
    }

    public var entries: [(String, JSONValue)] {
      [
        ("tokens", JSONValue(tokens)), ("phrase_width", JSONValue(groundingWidth - boxFeatureWidth)),
        ("hidden_width", JSONValue(hiddenWidth)),
      ] + perceiver.entries
    }

    public func projector(_ scope: Scope) throws -> any ImageProjector { try GroundingResampler(scope, self) }
  }

  public let configuration: Configuration
  let perceiver: Perceiver
  let queryIn, queryOut: Linear
  let latentNorm: LayerNorm
  let learnedQueries: Parameter

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: Configuration) throws {
    self.configuration = configuration
    let (width, tokens) = (configuration.perceiver.width, configuration.tokens)
    perceiver = try Perceiver(scope, configuration.perceiver)
    learnedQueries = try scope.parameter(Configuration.ownWeight, [1, tokens, width])
    queryIn = try Linear(scope["latent_proj"][0], configuration.groundingWidth, configuration.hiddenWidth)
    queryOut = try Linear(scope["latent_proj"][2], configuration.hiddenWidth, tokens * width)
    latentNorm = try LayerNorm(scope["latent_norm"], width)
  }

  /// Queries `[S, T, D]` from phrases `[S, P]` and boxes.
  package func queries(phrases: Tensor, boxes: [Box]) -> Tensor {
    let grounding = Tensor.concatenated([phrases, boxFeatures(boxes)], axis: 1)
    let projected = queryOut(queryIn(grounding).gelu())
    return latentNorm(projected.reshaped([boxes.count, configuration.tokens, configuration.perceiver.width]))
  }

  /// The learned queries, which replace those from phrase and box if grounding is dropped; repeated for each subject,
  /// `[S, T, D]`.
  package func droppedQueries(subjects: Int) -> Tensor {
    learnedQueries.value.broadcast(to: [subjects, configuration.tokens, configuration.perceiver.width])
  }

  /// Queries of all subjects, in the order of the subjects, `[S, T, D]`. Subjects whose grounding is dropped get the
  /// learned queries; for all other subjects, queries are made from phrase and box.
  private func queries(phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor {
    let grounded = boxes.indices.filter { !dropsGrounding[$0] }
    let dropped = boxes.count - grounded.count
    if dropped == 0 { return queries(phrases: phrases, boxes: boxes) }
    if grounded.isEmpty { return droppedQueries(subjects: dropped) }
    let groundedQueries = queries(
      phrases: phrases.gathered(axis: 0, grounded), boxes: grounded.map { boxes[$0] })
    var (nextGrounded, nextDropped) = (0, grounded.count)
    let order = dropsGrounding.map { isDropped -> Int in
      defer { if isDropped { nextDropped += 1 } else { nextGrounded += 1 } }
      return isDropped ? nextDropped : nextGrounded
    }
    return Tensor.concatenated([groundedQueries, droppedQueries(subjects: dropped)], axis: 0)
      .gathered(axis: 0, order)
  }

  public func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor {
    self(images, queries: queries(phrases: phrases, boxes: boxes, dropsGrounding: dropsGrounding))
  }

  /// Subject tokens `[S, T, C]` from image tokens `[S, N, W]` and queries `[S, T, D]`.
  package func callAsFunction(_ images: Tensor, queries: Tensor) -> Tensor { perceiver(images, queries: queries) }
}

/// A resampler with learned queries, as in IP-Adapter Plus. It ignores phrases and boxes and is used in ablations.
public struct PlainResampler: ImageProjector {
  public struct Configuration: ProjectorConfiguration {
    public static let name = "plain"
    public static let ownWeight = "latents"
    public var perceiver: PerceiverConfiguration
    public var tokens: Int

    public var imageInput: ImageInput { .states }
    public var imageWidth: Int { perceiver.imageWidth }
    public var phraseWidth: Int? { nil }
    public var contextWidth: Int { perceiver.contextWidth }

    public init(_ sizes: AdapterSizes) throws {
      perceiver = try PerceiverConfiguration(sizes)
      tokens = try sizes.size("tokens", of: Self.ownWeight, axis: 1, rank: 3)
    }

    public var entries: [(String, JSONValue)] { [("tokens", JSONValue(tokens))] + perceiver.entries }

    public func projector(_ scope: Scope) throws -> any ImageProjector { try PlainResampler(scope, self) }
  }

  public let configuration: Configuration
  let perceiver: Perceiver
  let learnedQueries: Parameter

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: Configuration) throws {
    self.configuration = configuration
    perceiver = try Perceiver(scope, configuration.perceiver)
    learnedQueries = try scope.parameter(
      Configuration.ownWeight, [1, configuration.tokens, configuration.perceiver.width])
  }

  /// Subject tokens `[S, T, C]` from image tokens `[S, N, W]`.
  public func callAsFunction(_ images: Tensor) -> Tensor {
    let (tokens, width) = (configuration.tokens, configuration.perceiver.width)
    return perceiver(images, queries: learnedQueries.value.broadcast(to: [images.shape[0], tokens, width]))
  }

  public func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor {
    self(images)
  }
}

/// A linear map of the pooled image embedding to tokens, as in IP-Adapter. It ignores phrases and boxes and is used in
/// ablations.
public struct LinearProjector: ImageProjector {
  public struct Configuration: ProjectorConfiguration {
    public static let name = "linear"
    public static let ownWeight = "proj.weight"
    public var tokens: Int
    public var imageWidth: Int
    public var contextWidth: Int

    public var imageInput: ImageInput { .embedding }
    public var phraseWidth: Int? { nil }

    public init(_ sizes: AdapterSizes) throws {
      imageWidth = try sizes.size("image_width", of: Self.ownWeight, axis: 1, rank: 2)
      contextWidth = try sizes.size("context_width", of: "norm.weight", axis: 0, rank: 1)
      tokens = try sizes.written("tokens") ?? Self.tokens(sizes, contextWidth)
    }

    private static func tokens(_ sizes: AdapterSizes, _ contextWidth: Int) throws -> Int {
      let shape = try sizes.shape(of: ownWeight, rank: 2)
      guard shape[0] % contextWidth == 0 else {
        throw ParameterError.wrongShape(
          key: sizes.weights[ownWeight].path, expected: [-1, shape[1]], found: shape,
          source: "linear projector of context width \(contextWidth)")
      }
      return shape[0] / contextWidth
    }

    public var entries: [(String, JSONValue)] {
      [
        ("tokens", JSONValue(tokens)), ("image_width", JSONValue(imageWidth)),
        ("context_width", JSONValue(contextWidth)),
      ]
    }

    public func projector(_ scope: Scope) throws -> any ImageProjector { try LinearProjector(scope, self) }
  }

  public let configuration: Configuration
  let projection: Linear
  let norm: LayerNorm

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: Configuration) throws {
    self.configuration = configuration
    let outputs = configuration.tokens * configuration.contextWidth
    projection = try Linear(scope["proj"], configuration.imageWidth, outputs)
    norm = try LayerNorm(scope["norm"], configuration.contextWidth)
  }

  /// Subject tokens `[S, T, C]` from pooled image embeddings `[S, W]`.
  public func callAsFunction(_ embeddings: Tensor) -> Tensor {
    norm(projection(embeddings).reshaped([embeddings.shape[0], configuration.tokens, configuration.contextWidth]))
  }

  public func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor {
    self(images)
  }
}
