import Foundation

/// A scene that a run generated, as recorded in the JSON file next to a figure.
public struct SceneRecord: Sendable, Equatable {
  /// The script's labels for the images that were generated from the scene.
  public var labels: [String]
  public var scene: Scene
  /// Whether the script passed its own conditions, as for interpolation: then the scene alone does not determine the
  /// images.
  public var hasOwnConditions: Bool

  func isOfSameScene(as other: SceneRecord) -> Bool {
    hasOwnConditions == other.hasOwnConditions && scene == other.scene
  }

  /// - Parameter folder: Folder of the JSON file, which its paths are relative to.
  func json(in folder: String) -> JSONValue {
    .object([
      ("labels", JSONValue(labels)), ("has_own_conditions", .bool(hasOwnConditions)), ("scene", scene.json(in: folder)),
    ])
  }

  /// Reads the scenes that a figure was made from, from the JSON file next to it.
  /// - Throws: `JSONError`; as `Scene(contentsOf:)`.
  public static func read(besideFigure path: String) throws -> [SceneRecord] {
    try JSONNode.read(path)["scenes"].array().map { node in
      SceneRecord(
        labels: try node["labels"].strings(),
        scene: try Scene(node["scene"], files: SceneFiles(nextTo: path)),
        hasOwnConditions: try node["has_own_conditions"].bool())
    }
  }
}

extension Scene {
  /// Reads a scene file as written by `Scene.json(in:)`. Settings missing from the file are the published ones.
  /// - Throws: as `Scene(_:files:defaults:)`.
  public init(contentsOf path: String) throws {
    try self.init(JSONNode.read(path), files: SceneFiles(nextTo: path))
  }
}

extension SceneFiles {
  /// Files with paths relative to a JSON file's folder, and bundled pictures by their names.
  public init(nextTo path: String) {
    let folder = (path as NSString).deletingLastPathComponent
    self.init(folder: folder.isEmpty ? nil : folder) { try Bundled.reference($0) }
  }
}

extension Run {
  /// The most bytes of a picture or of noise that a record contains; a larger one is written to a separate file.
  private static let embeddedLimit = 16 << 10

  /// Writes large pictures and noise that were not read from files to files of this experiment, and returns the record
  /// with these files.
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
