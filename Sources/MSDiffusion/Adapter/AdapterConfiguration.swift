import Checkpoints
import JSON
import Layers
import Models

/// All sizes of an adapter except the widths of its keys and values, which are those of the U-Net's layers.
public struct AdapterConfiguration: Sendable {
  /// The sizes of the projector, which turns images into tokens.
  public var projector: any ProjectorConfiguration
  /// Number of dummy tokens for the background, 4 as published.
  public var dummies: Int

  /// The kinds of projectors in this package. If a configuration does not name its projector, it is the first kind
  /// whose ``ProjectorConfiguration/ownWeight`` is in the checkpoint.
  public static let projectors: [any ProjectorConfiguration.Type] = [
    GroundingResampler.Configuration.self, PlainResampler.Configuration.self, LinearProjector.Configuration.self,
  ]

  /// Reads sizes from the configuration, and infers missing sizes from the shapes of the weights.
  /// - Parameters:
  ///   - json: the adapter's configuration. Published checkpoints have none, or only the number of heads.
  ///   - weights: root of the adapter's weights.
  ///   - heads: number of the resampler's attention heads if the configuration does not give it; nil: each head is 64
  ///     wide.
  ///   - projectors: the kinds of projectors to choose from.
  /// - Throws: `ParameterError` for an unknown projector, and for sizes that cannot be inferred or are impossible;
  ///   `JSONError` for an entry of the wrong type.
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
        component: "adapter", option: "projector",
        found: name.map { "'\($0)'" } ?? "missing (and no weight shows which one it is)",
        supported: "\(known); name one in \(AdapterSizes.file), or check that the checkpoint has its weight")
    }
    projector = try kind.init(AdapterSizes(json, weights: projection, heads: heads))
    let adapterSizes = AdapterSizes(json, weights: weights)
    dummies =
      try adapterSizes.written("dummies") ?? weights.shape(of: "dummy_image_tokens")?.dropFirst().first ?? 4
  }

  /// All sizes as JSON entries. ``init(_:weights:heads:projectors:)`` reads the same configuration from them, without
  /// inferring anything from weights.
  public var entries: [(String, JSONValue)] {
    [("projector", .string(type(of: projector).name)), ("dummies", JSONValue(dummies))] + projector.entries
  }
}

/// Looks up the sizes of a part of the adapter: in the adapter's configuration first, else in the shape of a weight.
public struct AdapterSizes: Sendable {
  /// The adapter's configuration.
  public let json: JSONNode
  /// The scope of the part's weights.
  public let weights: Scope
  /// Number of attention heads if the configuration does not give it; nil: not known.
  public let heads: Int?

  static let file = ModelPart.adapter.configuration ?? ""

  public init(_ json: JSONNode, weights: Scope, heads: Int? = nil) {
    (self.json, self.weights, self.heads) = (json, weights, heads)
  }

  /// A size in the configuration; nil if there is no such entry.
  /// - Throws: `JSONError`; `ParameterError.unsupported` for a size below 1 or above the limit.
  public func written(_ key: String, atMost limit: Int = 1 << 20) throws -> Int? {
    guard json[key].isPresent else { return nil }
    let size = try json[key].int()
    try checkSizes("adapter", [key: size], atMost: limit)
    return size
  }

  /// A size from the configuration, else the length of an axis of a weight.
  /// - Parameters:
  ///   - key: the size's key in the configuration.
  ///   - weight: the weight's key below ``weights``.
  ///   - axis: the axis whose length is the size.
  ///   - rank: number of axes that the weight must have.
  /// - Throws: as ``written(_:atMost:)`` and ``shape(of:rank:)``.
  public func size(_ key: String, of weight: String, axis: Int, rank: Int) throws -> Int {
    try written(key) ?? shape(of: weight, rank: rank)[axis]
  }

  /// The shape of a weight with `rank` axes.
  /// - Throws: `ParameterError` if there is no such weight, if it has a different number of axes, or if it has no
  ///   elements.
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
