import Foundation
import Images
import JSON
import Tensors

/// Finds the files that a scene's JSON refers to.
public struct SceneFiles: Sendable {
  private let folder: String?
  private let named: @Sendable (String) throws -> String

  /// - Parameters:
  ///   - folder: The JSON file's folder, to which paths in the file are relative; nil: the working folder.
  ///   - named: Returns the path of a picture that comes with the package, given the picture's name. Throws for an
  ///     unknown name.
  public init(
    folder: String? = nil,
    named: @escaping @Sendable (String) throws -> String = { throw SceneError.unknownName($0) }
  ) {
    (self.folder, self.named) = (folder, named)
  }

  // MARK: Writing

  func json(_ picture: Picture) -> JSONValue {
    var fields = picture.origin.map { entries($0) } ?? [("png", .string(Data(picture.png).base64EncodedString()))]
    if picture.orientation != .shown { fields.append(("orientation", .string(picture.orientation.rawValue))) }
    if !picture.usesAlpha { fields.append(("uses_alpha", .bool(false))) }
    if let index = picture.maskIndex { fields.append(("index", JSONValue(index))) }
    return .object(fields)
  }

  func json(_ noise: InitialNoise) -> JSONValue {
    if let origin = noise.origin { return .object(entries(origin)) }
    let words = noise.tensor.values.map { $0.bitPattern.littleEndian }
    return [
      "shape": .array(noise.tensor.shape.map { JSONValue($0) }),
      "float32": .string(words.withUnsafeBytes { Data($0) }.base64EncodedString()),
    ]
  }

  private func entries(_ origin: FileOrigin) -> [(String, JSONValue)] {
    [
      origin.name.map { ("name", .string($0)) }
        ?? ("file", .string(folder.map { Self.path(origin.path, from: $0) } ?? origin.path)),
      ("sha256", .string(origin.sha256)),
    ]
  }

  // MARK: Reading

  /// The fields of a JSON object that describes a file or its contents.
  private struct Entry {
    var name, file, sha256, png, float32, orientation: String?
    var shape: [Int]?
    var usesAlpha: Bool?
    var index: Int?

    static var file: [JSONField<Entry>] {
      [JSONField("file", ifSet: \.file), JSONField("sha256", ifSet: \.sha256)]
    }
    static var picture: [JSONField<Entry>] {
      [JSONField("name", ifSet: \.name)] + file + [
        JSONField("png", ifSet: \.png), JSONField("orientation", ifSet: \.orientation),
        JSONField("uses_alpha", ifSet: \.usesAlpha),
      ]
    }
    static var mask: [JSONField<Entry>] { picture + [JSONField("index", ifSet: \.index)] }
    static var noise: [JSONField<Entry>] {
      file + [JSONField("shape", ifSet: \.shape), JSONField("float32", ifSet: \.float32)]
    }
  }

  func picture(_ node: JSONNode) throws -> Picture { try picture(node, Entry.picture) }

  /// A mask, whose entry may have the index of the label to select.
  func mask(_ node: JSONNode) throws -> Picture { try picture(node, Entry.mask) }

  private func picture(_ node: JSONNode, _ fields: [JSONField<Entry>]) throws -> Picture {
    var entry = Entry()
    if case .string(let text)? = node.value {
      if text.contains("/") || text.contains(".") { entry.file = text } else { entry.name = text }
    } else {
      try node.read(into: &entry, fields)
    }
    var picture = try picture(entry, node)
    picture.usesAlpha = entry.usesAlpha ?? true
    picture.maskIndex = entry.index
    return picture
  }

  private func picture(_ entry: Entry, _ node: JSONNode) throws -> Picture {
    guard let orientation = ImageOrientation(rawValue: entry.orientation ?? ImageOrientation.shown.rawValue) else {
      let known = ImageOrientation.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
      throw node["orientation"].mismatch(known)
    }
    switch (entry.name, entry.file, entry.png) {
    case (let name?, nil, nil):
      let picture = try Picture(contentsOf: named(name), named: name, orientation: orientation)
      return try checked(picture, \.origin, entry.sha256, node)
    case (nil, let file?, nil):
      let picture = try Picture(contentsOf: path(file), orientation: orientation)
      return try checked(picture, \.origin, entry.sha256, node)
    case (nil, nil, let png?):
      guard let data = Data(base64Encoded: png) else { throw node["png"].mismatch("a PNG file in base64") }
      try check([UInt8](data), entry.sha256, node["png"])
      return try Picture(embedded: [UInt8](data), name: node["png"].location, orientation: orientation)
    default: throw node.mismatch("exactly one of name, file and png")
    }
  }

  func noise(_ node: JSONNode) throws -> InitialNoise {
    var entry = Entry()
    try node.read(into: &entry, Entry.noise)
    switch (entry.file, entry.shape, entry.float32) {
    case (let file?, nil, nil):
      return try checked(InitialNoise(contentsOf: path(file)), \.origin, entry.sha256, node)
    case (nil, let shape?, let text?):
      let count = shape.reduce(1) { $0 * max($1, 0) }
      guard let data = Data(base64Encoded: text), data.count == 4 * count, shape.allSatisfy({ $0 > 0 }) else {
        throw node["float32"].mismatch("\(count) numbers of 4 bytes in base64, for shape \(shape)")
      }
      try check([UInt8](data), entry.sha256, node["float32"])
      let values = data.withUnsafeBytes { bytes in
        (0..<count).map {
          Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
        }
      }
      return InitialNoise(Tensor(values, shape: shape))
    default: throw node.mismatch("either file, or both shape and float32")
    }
  }

  /// Returns the content if the file's hash is as expected or no hash is given; otherwise throws.
  private func checked<Content>(
    _ content: Content, _ origin: KeyPath<Content, FileOrigin?>, _ expected: String?, _ node: JSONNode
  ) throws -> Content {
    if let found = content[keyPath: origin], let expected, found.sha256 != expected {
      throw SceneError.changedFile(
        location: node.location, path: found.path, expected: expected, found: found.sha256)
    }
    return content
  }

  /// Throws if a hash is given and the contents have a different one.
  private func check(_ bytes: [UInt8], _ expected: String?, _ node: JSONNode) throws {
    let found = FileOrigin(path: "", name: nil, bytes: bytes).sha256
    if let expected, found != expected {
      throw SceneError.changedContents(location: node.location, expected: expected, found: found)
    }
  }

  private func path(_ written: String) -> String {
    guard let folder, !written.hasPrefix("/") else { return written }
    return Self.simplified(folder + "/" + written)
  }

  // MARK: Paths

  /// A path relative to a folder; an absolute path outside that folder stays as it is.
  private static func path(_ path: String, from folder: String) -> String {
    let here = FileManager.default.currentDirectoryPath
    func parts(_ path: String) -> [Substring] {
      simplified(path.hasPrefix("/") ? path : here + "/" + path).split(separator: "/")
    }
    let (file, start) = (parts(path), parts(folder))
    let common = zip(file, start).prefix { $0 == $1 }.count
    if path.hasPrefix("/") && common < start.count { return path }
    return ([Substring](repeating: "..", count: start.count - common) + file[common...]).joined(separator: "/")
  }

  /// The same path without the parts `.`, and without each `..` that follows a folder.
  private static func simplified(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
    }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }
}

/// Errors in the files of a scene.
public enum SceneError: Error, Equatable, CustomStringConvertible {
  /// A file's hash is not the one that the scene names; `location` is the place of the reference in the JSON.
  case changedFile(location: String, path: String, expected: String, found: String)
  /// Contents in the JSON do not have the hash that the JSON gives for them.
  case changedContents(location: String, expected: String, found: String)
  /// A subject's mask, or the alpha channel in its place, cannot be used; `location` is the JSON entry that gives it.
  case mask(location: String, expected: String, found: String)
  /// No picture with this name comes with the package.
  case unknownName(String)

  public var description: String {
    switch self {
    case .changedFile(let location, let path, let expected, let found):
      "\(location): \(path) has changed since the scene was written: expected SHA-256 \(expected.prefix(12))…, found "
        + "\(found.prefix(12))…; restore the file, or remove the entry sha256"
    case .changedContents(let location, let expected, let found):
      "\(location): expected contents with SHA-256 \(expected.prefix(12))…, found \(found.prefix(12))…; restore the "
        + "contents, or remove the entry sha256"
    case .mask(let location, let expected, let found): "\(location): expected \(expected), found \(found)"
    case .unknownName(let name):
      "no picture that comes with the package is called '\(name)'; give a path, or the contents of a PNG file"
    }
  }
}
