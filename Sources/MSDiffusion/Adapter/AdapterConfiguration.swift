import Checkpoints
import JSON
import Layers
import Models

/// All sizes of an adapter except the widths of its keys and values, which are those of the U-Net's layers.
public struct AdapterConfiguration: Sendable {
  /// The sizes of the projector, which turns images into tokens.
  public var projector: any ProjectorConfiguration
  /// Dummy tokens of the background, 4 as published.
  public var dummies: Int

  /// The known kinds of projectors. If the configuration names none, the first kind whose
  /// ``ProjectorConfiguration/ownWeight`` exists is used.
  public static let projectors: [any ProjectorConfiguration.Type] = [
    GroundingResampler.Configuration.self, PlainResampler.Configuration.self, LinearProjector.Configuration.self,
  ]

  /// Reads sizes from the configuration, and infers missing sizes from the shapes of the weights.
  /// - Parameters:
  ///   - json: the adapter's configuration; published ones are empty or contain only the number of heads.
  ///   - weights: root of the adapter's weights.
  ///   - heads: attention heads of the resampler if the configuration has no such entry; nil: as many as are 64 wide.
  ///   - projectors: the kinds to choose from.
  /// - Throws: `ParameterError` for sizes that cannot be inferred or are impossible; `JSONError`.
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
    let adapterSizes = AdapterSizes(json, weights: weights)
    dummies =
      try adapterSizes.written("dummies") ?? weights.shape(of: "dummy_image_tokens")?.dropFirst().first ?? 4
  }

  /// All sizes as JSON entries, from which ``init(_:weights:heads:projectors:)`` reads the same configuration without
  /// inferring anything from weights.
  public var entries: [(String, JSONValue)] {
    [("projector", .string(type(of: projector).name)), ("dummies", JSONValue(dummies))] + projector.entries
  }
}

/// Looks up the sizes of a part of the adapter: in its configuration first, else in the shape of a weight.
public struct AdapterSizes: Sendable {
  public let json: JSONNode
  public let weights: Scope
  /// Attention heads if the configuration has no such entry.
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

  /// A size from the configuration, else from an axis of a weight.
  /// - Throws: as ``written(_:atMost:)`` and ``shape(of:rank:)``.
  public func size(_ key: String, of weight: String, axis: Int, rank: Int) throws -> Int {
    try written(key) ?? shape(of: weight, rank: rank)[axis]
  }

  /// The shape of a weight.
  /// - Throws: `ParameterError` if there is no such weight, or if it has a different number of axes.
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
