import Checkpoints
import JSON
import Layers
import Models

/// All sizes of an adapter but those of the U-Net's layers, which its keys and values share.
public struct AdapterConfiguration: Sendable {
  /// How images become tokens.
  public var projector: any ProjectorConfiguration
  /// Dummy tokens of the background, 4 as published.
  public var dummies: Int

  /// The kinds of projectors that are known; the first whose own weight is there is taken where no name is given.
  public static let projectors: [any ProjectorConfiguration.Type] = [
    GroundingResampler.Configuration.self, PlainResampler.Configuration.self, LinearProjector.Configuration.self,
  ]

  /// Takes what the configuration says, and infers everything else from the shapes of the weights.
  /// - Parameters:
  ///   - json: the adapter's configuration; published ones are empty or name the heads alone.
  ///   - weights: root of the adapter's weights.
  ///   - heads: attention heads of the resampler where the configuration does not say; 64 wide each where nil.
  ///   - projectors: the kinds to choose from.
  /// - Throws: `ParameterError` for sizes that nothing tells or that are impossible; `JSONError`.
  public init(
    _ json: JSONNode, weights: Scope, heads: Int? = nil,
    projectors: [any ProjectorConfiguration.Type] = Self.projectors
  ) throws {
    let projection = weights["image_proj"]
    let name = json["projector"].isPresent ? try json["projector"].string() : nil
    let found = projectors.first { kind in
      name.map { $0 == kind.name } ?? (projection.shape(of: kind.ownWeight) != nil)
    }
    guard let kind = found else {
      let known = projectors.map { "\($0.name) (\(projection[$0.ownWeight].path))" }.joined(separator: ", ")
      throw ParameterError.unsupported(
        component: "adapter", option: "projector", found: name ?? "unknown",
        supported: "the name of one of these in \(AdapterSizes.file), or its weight: \(known)")
    }
    projector = try kind.init(AdapterSizes(json, weights: projection, heads: heads))
    let own = AdapterSizes(json, weights: weights)
    dummies = try own.written("dummies") ?? weights.shape(of: "dummy_image_tokens")?.dropFirst().first ?? 4
  }

  /// What ``init(_:weights:heads:projectors:)`` reads the same configuration from, without any weights.
  public var entries: [(String, JSONValue)] {
    [("projector", .string(type(of: projector).name)), ("dummies", JSONValue(dummies))] + projector.entries
  }
}

/// Where the sizes of an adapter's part are looked up: what its configuration says counts, else a weight's shape tells.
public struct AdapterSizes: Sendable {
  public let json: JSONNode
  public let weights: Scope
  /// Attention heads where the configuration does not say.
  public let heads: Int?

  static let file = ModelPart.adapter.configuration ?? ""

  public init(_ json: JSONNode, weights: Scope, heads: Int? = nil) {
    (self.json, self.weights, self.heads) = (json, weights, heads)
  }

  /// What the configuration says of a size; nil where it says nothing.
  /// - Throws: `JSONError`; `ParameterError.unsupported` for a size that is absurd.
  public func written(_ key: String, atMost limit: Int = 1 << 20) throws -> Int? {
    guard json[key].isPresent else { return nil }
    let size = try json[key].int()
    try checkSizes("adapter", [key: size], atMost: limit)
    return size
  }

  /// A size by its name, else by an axis of a weight.
  /// - Throws: as ``written(_:atMost:)`` and ``shape(of:rank:)``.
  public func size(_ key: String, of weight: String, axis: Int, rank: Int) throws -> Int {
    try written(key) ?? shape(of: weight, rank: rank)[axis]
  }

  /// The shape of a weight.
  /// - Throws: `ParameterError` where there is none, or one of another number of axes.
  public func shape(of name: String, rank: Int) throws -> [Int] {
    let (key, any) = (weights[name].path, Array(repeating: -1, count: rank))
    guard let shape = weights.shape(of: name) else {
      throw ParameterError.missing(key: key, shape: any, source: "adapter")
    }
    guard shape.count == rank, shape.allSatisfy({ $0 > 0 }) else {
      throw ParameterError.wrongShape(key: key, expected: any, found: shape, source: "adapter")
    }
    return shape
  }
}
