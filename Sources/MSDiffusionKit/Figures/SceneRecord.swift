import Foundation

/// A scene that a run generated, as written to the JSON file next to a figure.
public struct SceneRecord: Sendable, Equatable {
  /// The script's labels for the images that were generated from the scene.
  public var labels: [String]
  public var scene: Scene
  /// Whether the script passed its own conditions, for example to interpolate: then the scene alone does not determine
  /// the images.
  public var hasOwnConditions: Bool

  func isOfSameScene(as other: SceneRecord) -> Bool {
    hasOwnConditions == other.hasOwnConditions && scene == other.scene
  }

  /// - Parameter folder: The JSON file's folder, to which paths in the file are relative.
  func json(in folder: String) -> JSONValue {
    .object([
      ("labels", JSONValue(labels)), ("has_own_conditions", .bool(hasOwnConditions)), ("scene", scene.json(in: folder)),
    ])
  }

  /// Reads the scenes that a run had generated when it saved a figure, from the JSON file next to the figure.
  /// - Parameter path: the JSON file's path.
  /// - Throws: `JSONError` if the file cannot be read; as `Scene(contentsOf:)`.
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
  /// Reads a scene file in the format that `Scene.json(in:)` describes. Settings that the file does not name have their
  /// published values.
  /// - Throws: as `Scene(_:files:defaults:)`; ``RunError/unknownReference(name:known:)`` for an unknown picture.
  public init(contentsOf path: String) throws {
    try self.init(JSONNode.read(path), files: SceneFiles(nextTo: path))
  }
}

extension SceneFiles {
  /// Finds files by their paths relative to the folder of the JSON file at `path`, and bundled pictures by their names.
  public init(nextTo path: String) {
    let folder = (path as NSString).deletingLastPathComponent
    self.init(folder: folder.isEmpty ? nil : folder) { try Bundled.reference($0) }
  }
}

extension Run {
  /// The greatest number of bytes of a picture or of noise that the JSON file contains. Larger pictures and noise are
  /// written to separate files.
  private static let embeddedLimit = 16 << 10

  /// Writes large pictures and noise to files of this experiment, unless they were read from files, and returns the
  /// record with references to the new files.
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
    guard picture.origin == nil else { return picture }
    let png = picture.png
    guard png.count > Self.embeddedLimit else { return picture }
    let path = try prepared(file: "picture-\(Self.hash(png)).png")
    guard FileManager.default.createFile(atPath: path, contents: Data(png)) else {
      throw RunError.file(path: path, reason: "the picture cannot be written")
    }
    return try Picture(contentsOf: path, orientation: picture.orientation).with(optionsOf: picture)
  }

  /// The beginning of the SHA-256 of an array's bytes.
  private static func hash<Number: BitwiseCopyable>(_ numbers: [Number]) -> String {
    var hash = SHA256()
    numbers.withUnsafeBytes { hash.update($0) }
    return String(hash.finish().prefix(12))
  }
}
