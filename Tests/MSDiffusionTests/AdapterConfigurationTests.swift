import Analysis
import Checkpoints
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TestSupport
import Testing

/// A projector that the package does not know: one linear layer maps the mean of a subject's image tokens to a token.
private struct MeanProjector: ImageProjector {
  struct Configuration: ProjectorConfiguration {
    static let name = "mean"
    static let ownWeight = "mean.weight"
    let imageWidth, contextWidth: Int
    var tokens: Int { 1 }
    var imageInput: ImageInput { .states }
    var phraseWidth: Int? { nil }

    init(_ sizes: AdapterSizes) throws {
      imageWidth = try sizes.size("image_width", of: Self.ownWeight, axis: 1, rank: 2)
      contextWidth = try sizes.size("context_width", of: Self.ownWeight, axis: 0, rank: 2)
    }

    var entries: [(String, JSONValue)] {
      [("image_width", JSONValue(imageWidth)), ("context_width", JSONValue(contextWidth))]
    }

    func projector(_ scope: Scope) throws -> any ImageProjector { try MeanProjector(scope, self) }
  }

  let configuration: Configuration
  let map: Linear

  init(_ scope: Scope, _ configuration: Configuration) throws {
    self.configuration = configuration
    map = try Linear(scope["mean"], configuration.imageWidth, configuration.contextWidth, bias: false)
  }

  func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor {
    map(images.mean(axes: [1])).reshaped([boxes.count, 1, configuration.contextWidth])
  }
}

@Suite struct AdapterConfigurationTests {
  /// All sizes by name; no two are equal, except that there are 2 dummies and 2 blocks (`depth`).
  private static let sizes: [(String, JSONValue)] = [
    ("tokens", 3), ("dummies", 2), ("phrase_width", 11), ("hidden_width", 13), ("image_width", 17), ("width", 19),
    ("depth", 2), ("heads", 5), ("head_width", 7), ("network_width", 23), ("context_width", 29),
  ]

  private func configuration(_ entries: [(String, JSONValue)], _ weights: any ParameterSource = ShapeSource())
    throws -> AdapterConfiguration
  {
    try AdapterConfiguration(JSONNode(.object(entries), name: "adapter"), weights: Scope(weights))
  }

  /// The shapes of the weights of an adapter without attention layers.
  private func weights(_ projector: String, _ sizes: [(String, JSONValue)] = Self.sizes) throws -> ShapeSource {
    let source = ShapeSource()
    _ = try Adapter(Scope(source), configuration([("projector", .string(projector))] + sizes), beside: [])
    return source
  }

  @Test(arguments: ["grounding", "plain", "linear"]) func sizesInferredFromShapesEqualConfiguredSizes(name: String)
    throws
  {
    let written = try configuration([("projector", .string(name))] + Self.sizes)
    let inferred = try configuration([("heads", 5)], weights(name))
    #expect(JSONValue.object(inferred.entries) == JSONValue.object(written.entries))
    #expect((written.projector.tokens, written.dummies, written.projector.contextWidth) == (3, 2, 29))
    #expect(written.projector.imageWidth == 17)
    #expect(written.projector.phraseWidth == (name == "grounding" ? 11 : nil))
    let isEmbedding = written.projector.imageInput.chosen(states: false, embedding: true)
    #expect(isEmbedding == (name == "linear"))
    // The written entries alone can be read back.
    let again = try configuration(written.entries)
    #expect(JSONValue.object(again.entries) == JSONValue.object(written.entries))
  }

  @Test func headsAre64WideByDefault() throws {
    var sizes = Self.sizes.filter { !$0.0.hasPrefix("head") }
    sizes += [("heads", 2), ("head_width", 64)]
    let entries = JSONValue.object(try configuration([], weights("plain", sizes)).entries)
    #expect(try JSONNode(entries, name: "entries")["heads"].int() == 2)
    func heads(_ entries: [(String, JSONValue)], asked: Int? = nil) throws -> AdapterConfiguration {
      try AdapterConfiguration(
        JSONNode(.object(entries), name: "adapter"), weights: Scope(weights("plain")), heads: asked)
    }
    // Heads are 5 × 7 = 35 wide together. This is no multiple of 64, and neither 4 nor 6 divides it.
    let wrong: [[(String, JSONValue)]] = [[], [("heads", 4)], [("head_width", 6)]]
    for entries in wrong {
      #expect {
        try heads(entries)
      } throws: { "\($0)".contains("'heads'") && "\($0)".contains("35") && "\($0)".contains("ms_adapter_config.json") }
    }
    #expect(throws: ParameterError.self) { try heads([], asked: -5) }
    let right: [(entries: [(String, JSONValue)], asked: Int?)] = [
      ([], 5), ([("heads", 5)], 7), ([("head_width", 7)], nil),
    ]
    for (entries, asked) in right {
      let found = JSONNode(.object(try heads(entries, asked: asked).entries), name: "found")
      #expect(try found["heads"].int() == 5)
      #expect(try found["head_width"].int() == 7)
    }
  }

  @Test func unknownAndAbsurdSizesAreRefused() throws {
    func grounding(_ entries: [(String, JSONValue)]) throws -> AdapterConfiguration {
      try configuration([("projector", .string("grounding"))] + entries)
    }
    for (key, _) in Self.sizes where key != "dummies" {
      let others = Self.sizes.filter { $0.0 != key }
      #expect(throws: ParameterError.self, "\(key)") { try grounding(others) }
      for value in [0, -3, 1 << 40] {
        #expect(throws: ParameterError.self, "\(key) \(value)") { try grounding(others + [(key, JSONValue(value))]) }
      }
      #expect(throws: JSONError.self) { try grounding(others + [(key, .string("many"))]) }
    }
    #expect {
      try configuration([("projector", "cubic")] + Self.sizes)
    } throws: { "\($0)".contains("cubic") && "\($0)".contains("plain (image_proj.latents)") }
    #expect(throws: ParameterError.self) { try configuration(Self.sizes) }
  }

  /// The error names the weight that the configuration does not fit.
  @Test func configurationsThatContradictTheWeightsAreRefused() throws {
    let golden = ModelFolder(Golden.path("pipeline"))
    let weights = Scope(CheckpointSource(try golden.checkpoint(of: .adapter)))
    let configuration = try AdapterConfiguration(
      JSONNode(["heads": 3, "tokens": 5], name: "adapter"), weights: weights)
    #expect {
      try Adapter(weights, configuration, beside: [])
    } throws: { "\($0)".contains("grounding_latents") && "\($0)".contains("[1, 5, 40]") }
  }
}

@Suite(.longNumeric) struct OtherAdapterTests {
  /// Writes the golden pipeline with a different projector in its adapter.
  private func model(
    _ folder: TemporaryFolder, _ configuration: [(String, JSONValue)], _ kinds: [any ProjectorConfiguration.Type]
  ) throws {
    let model = try Small.copy(to: folder)
    let weights = RandomSource(seed: 8)
    let own = try AdapterConfiguration(
      JSONNode(.object(configuration), name: "adapter"), weights: Scope(weights), projectors: kinds)
    _ = try Adapter(Scope(weights), own, beside: Small.pipeline().unet.crossAttentionLayers)
    try model.write(.object(own.entries), of: .adapter)
    try SafetensorsFile.write(
      weights.parameters.sorted { $0.key < $1.key }.map { (key: $0.key, tensor: $0.value.value) },
      to: model.weightsFile(of: .adapter))
  }

  @Test func aProjectorFromOutsideThePackageGeneratesImages() throws {
    let folder = try TemporaryFolder()
    let kinds = AdapterConfiguration.projectors + [MeanProjector.Configuration.self]
    try model(folder, [("projector", "mean"), ("image_width", 32), ("context_width", 40)], kinds)
    #expect(throws: ParameterError.self) { try Pipeline(folder.path) }
    let pipeline = try Pipeline(folder.path, projectors: kinds)
    let projector = try #require(pipeline.adapter?.projector as? MeanProjector)
    let scene = try Small.scene()
    let conditions = try pipeline.conditions(for: scene)
    let expected = projector.map(conditions.imageFeatures.mean(axes: [1]))
    #expect(conditions.subjectTokens == expected.reshaped([2, 1, 40]))
    let latents = try pipeline.generate(scene).latents
    #expect(latents.isFinite)
    let other = try Small.scene { $0.subjects[0].image = try Small.photo("rocket.jpg") }
    #expect(try pipeline.generate(other).latents != latents)
  }

  @Test func projectorsThatDoNotFitTheModelAreRefused() throws {
    let sizes: [(String, JSONValue)] = [
      ("tokens", 3), ("phrase_width", 16), ("hidden_width", 13), ("image_width", 32), ("width", 19), ("depth", 1),
      ("heads", 5), ("head_width", 7), ("network_width", 23), ("context_width", 40),
    ]
    for (key, value, parts) in [
      ("phrase_width", 15, "text_encoder and ms_adapter"), ("image_width", 31, "image_encoder and ms_adapter"),
      ("context_width", 39, "unet and ms_adapter"),
    ] {
      let folder = try TemporaryFolder()
      let changed = sizes.filter { $0.0 != key } + [(key, JSONValue(value))]
      try model(folder, [("projector", "grounding")] + changed, AdapterConfiguration.projectors)
      #expect {
        try Pipeline(folder.path)
      } throws: { "\($0)".hasPrefix(parts) && "\($0)".contains("\(value)") }
    }
  }
}
