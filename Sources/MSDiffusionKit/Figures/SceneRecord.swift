import Foundation

/// A scene that a run generated, as it stands in the file beside a figure.
public struct SceneRecord: Sendable, Equatable {
  /// What the script called the images that were made of it.
  public var labels: [String]
  public var scene: Scene
  /// Whether the script gave conditions of its own, as interpolation does: then the scene alone does not make the images.
  public var hasOwnConditions: Bool

  func isOfSameScene(as other: SceneRecord) -> Bool {
    hasOwnConditions == other.hasOwnConditions && scene == other.scene
  }

  /// - Parameter folder: Where the JSON will lie.
  func json(in folder: String) -> JSONValue {
    .object([
      ("labels", JSONValue(labels)), ("has_own_conditions", .bool(hasOwnConditions)), ("scene", scene.json(in: folder)),
    ])
  }

  /// The scenes that a figure was made from, by the file beside it.
  /// - Throws: `JSONError`; as `Scene(contentsOf:)`.
  public static func read(besideFigure path: String) throws -> [SceneRecord] {
    try JSONNode.read(path)["scenes"].array().map { node in
      SceneRecord(
        labels: try node["labels"].strings(),
        scene: try Scene(node["scene"], files: SceneFiles(besides: path)),
        hasOwnConditions: try node["has_own_conditions"].bool())
    }
  }
}

extension Scene {
  /// Reads a scene file, which `Scene.json(in:)` describes; what it does not say is as published.
  /// - Throws: as `Scene(_:files:defaults:)`.
  public init(contentsOf path: String) throws {
    try self.init(JSONNode.read(path), files: SceneFiles(besides: path))
  }
}

extension SceneFiles {
  /// Files whose paths start where a JSON file lies, and the package's own pictures by their names.
  public init(besides path: String) {
    let folder = (path as NSString).deletingLastPathComponent
    self.init(folder: folder.isEmpty ? nil : folder) { try Bundled.reference($0) }
  }
}

extension Run {
  /// Most bytes of a picture or of noise that a record holds; what is larger gets a file of its own.
  private static let embeddedLimit = 16 << 10

  /// The same record with large pictures and noise that come from no file in files of this experiment.
  func stored(_ record: SceneRecord) throws -> SceneRecord {
    var record = record
    for index in record.scene.subjects.indices {
      record.scene.subjects[index].picture = try stored(record.scene.subjects[index].picture)
      record.scene.subjects[index].mask = try record.scene.subjects[index].mask.map { try stored($0) }
    }
    if let noise = record.scene.noise, noise.origin == nil, noise.tensor.count * 4 > Self.embeddedLimit {
      let path = try prepared(file: "noise-\(Self.hash(noise.tensor.values)).npy")
      try NumPyFile.write(noise.tensor, to: path)
      record.scene.noise = try InitialNoise(contentsOf: path)
    }
    return record
  }

  private func stored(_ picture: Picture) throws -> Picture {
    guard picture.origin == nil, picture.image.pngBytes().count > Self.embeddedLimit else { return picture }
    let path = try prepared(file: "picture-\(Self.hash(picture.image.pixels)).png")
    try picture.image.write(path)
    return try Picture(contentsOf: path)
  }

  /// The beginning of the SHA-256 of an array's bytes.
  private static func hash<Number: BitwiseCopyable>(_ numbers: [Number]) -> String {
    var hash = SHA256()
    numbers.withUnsafeBytes { hash.update($0) }
    return String(hash.finish().prefix(12))
  }
}
