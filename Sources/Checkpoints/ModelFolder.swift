import Foundation
import JSON

/// A folder in diffusers' layout, with `image_encoder/` and an adapter next to the other parts. Only this type knows
/// the paths of a model's files, for reading and for writing.
public struct ModelFolder: Sendable, Equatable {
  public let path: String
  /// The variant of weights to read and write, such as `fp16` for `model.fp16.safetensors`. If nil, weights without a
  /// variant are written. For reading, weights without a variant are then preferred; if there are none, the only
  /// variant is read. A part that lacks this variant is read as if `variant` were nil.
  public let variant: String?

  public init(_ path: String, variant: String? = nil) { (self.path, self.variant) = (path, variant) }

  /// Whether the folder holds a whole model rather than one part: it does if it has a U-Net or an index.
  public var isModelFolder: Bool { hasConfiguration(of: .unet) || hasConfiguration(of: .index) }

  /// The path of the part's folder or file, whether or not it exists. An adapter's weights may be safetensors or a
  /// pickle; safetensors are preferred.
  public func path(of part: ModelPart) -> String {
    let entries = part.layout == .adapter ? Array(part.entries.dropLast()) : part.entries
    return path + "/" + (entries.first(where: exists) ?? entries[0])
  }

  public func has(_ part: ModelPart) -> Bool { FileManager.default.fileExists(atPath: path(of: part)) }

  /// Whether the part's configuration exists.
  public func hasConfiguration(of part: ModelPart) -> Bool { part.configuration.map(exists) ?? false }

  /// The parts that the folder must have: those of every model, and a second text encoder and tokenizer if the index
  /// names them.
  /// - Throws: `JSONError` if there is an index that cannot be read.
  public func neededParts() throws -> [ModelPart] {
    let index = try optionalConfiguration(of: .index)
    // An entry is a pair of library and class; both are null for a part that the model does not have.
    return ModelPart.required + ModelPart.second.filter { index[$0.name][1].isPresent }
  }

  /// The class of a part that the index names; nil if there is no index, or if it does not name the part.
  /// - Throws: `JSONError` if there is an index that cannot be read.
  package func className(of part: ModelPart) throws -> String? {
    let name = try optionalConfiguration(of: .index)[part.name][1]
    return name.isPresent ? try name.string() : nil
  }

  private func exists(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + relative) }

  // MARK: Reading

  /// - Throws: ``CheckpointError/missingPart(folder:part:needed:)``.
  private func existing(_ part: ModelPart) throws -> String {
    guard has(part) else {
      throw CheckpointError.missingPart(folder: path, part: part.description, needed: Self.needed)
    }
    return path(of: part)
  }

  private static let needed =
    "a model folder has \(list(ModelPart.required)), for SDXL \(list(ModelPart.second)), and for subjects "
    + "\(ModelPart.imageEncoder) and \(ModelPart.adapter)"

  private static func list(_ parts: [ModelPart]) -> String { parts.map(\.description).joined(separator: ", ") }

  /// The part's configuration.
  /// - Throws: ``CheckpointError/missingPart(folder:part:needed:)`` if there is none; `JSONError` if it cannot be read.
  public func configuration(of part: ModelPart) throws -> JSONNode {
    guard let file = part.configuration, exists(file) else {
      throw CheckpointError.missingPart(
        folder: path, part: part.configuration ?? "a configuration for \(part)", needed: Self.needed)
    }
    return try JSONNode.read(path + "/" + file)
  }

  /// The part's configuration, or an empty object if there is none.
  /// - Throws: `JSONError` if it cannot be read.
  public func optionalConfiguration(of part: ModelPart) throws -> JSONNode {
    hasConfiguration(of: part)
      ? try configuration(of: part) : JSONNode(.object(JSONObject()), name: part.configuration ?? part.name)
  }

  /// The configuration of image preprocessing for the image encoder, from the encoder's own folder or else from
  /// `feature_extractor`; nil if both lack it. If one of these folders has no `preprocessor_config.json`, its
  /// `processor_config.json` is read, in which transformers 5 saves the preprocessing of all kinds of input.
  /// - Throws: `JSONError` if it cannot be read.
  public func imageProcessor() throws -> JSONNode? {
    guard let file = imageProcessorFile else { return nil }
    let node = try JSONNode.read(path + "/" + file)
    return file.hasSuffix("/" + ModelPart.processorFile) ? node["image_processor"] : node
  }

  /// The path of the configuration of image preprocessing, relative to the folder; nil if there is none.
  package var imageProcessorFile: String? {
    [ModelPart.imageEncoder, .featureExtractor]
      .flatMap { part in [ModelPart.preprocessorFile, ModelPart.processorFile].map { "\(part.name)/\($0)" } }
      .first { exists($0) && (!$0.hasSuffix("/" + ModelPart.processorFile) || hasImageProcessor($0)) }
  }

  /// Whether the configuration of a processor has a part for images; true also for a file that cannot be read, so that
  /// its error is reported.
  private func hasImageProcessor(_ file: String) -> Bool {
    (try? JSONNode.read(path + "/" + file)["image_processor"].isPresent) ?? true
  }

  /// The part's weights, opened but not yet read. A part that lacks the folder's variant is opened as if the variant
  /// were nil, because published models have variants of some parts only.
  /// - Throws: ``CheckpointError/missingPart(folder:part:needed:)`` if the part does not exist; the errors of
  ///   ``Checkpoint/init(_:variant:)``.
  public func checkpoint(of part: ModelPart) throws -> Checkpoint {
    let path = try existing(part)
    guard let variant, part.hasVariants else { return try Checkpoint(path) }
    return try Checkpoint(path, variant: CheckpointFolder(path).variants.contains(variant) ? variant : nil)
  }

  /// Checks that at least one part has weights of the folder's variant: if no part has them, the variant is probably
  /// mistyped.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if no part has them.
  public func checkVariant() throws {
    guard let variant else { return }
    let found = try ModelPart.models.filter(has).map { try CheckpointFolder(path(of: $0)).variants }
    guard !found.contains(where: { $0.contains(variant) }) else { return }
    let known = Set(found.flatMap { $0 }).sorted()
    throw CheckpointError.file(
      path: path,
      reason: "expected weights of the variant '\(variant)' in at least one part, found "
        + (known.isEmpty ? "no variants; open the folder without a variant" : "only \(known.joined(separator: ", "))"))
  }

  /// The folder of a tokenizer's files.
  /// - Throws: ``CheckpointError/missingPart(folder:part:needed:)`` if it does not exist.
  public func tokenizer(_ part: ModelPart = .tokenizer) throws -> TokenizerFolder {
    TokenizerFolder(try existing(part))
  }

  /// The path of the `config.json` that belongs to weights outside a model folder: next to a weight file, or inside a
  /// folder of weights; nil if there is none.
  public static func configuration(beside weights: String) -> String? {
    let file = folder(of: weights).path + "/" + ModelPart.modelFile
    return FileManager.default.fileExists(atPath: file) ? file : nil
  }

  /// The folder that contains a file; for a folder, the folder itself.
  public static func folder(of weights: String) -> ModelFolder {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: weights, isDirectory: &isFolder)
    if exists && isFolder.boolValue { return ModelFolder(weights) }
    let parent = (weights as NSString).deletingLastPathComponent
    return ModelFolder(parent.isEmpty ? "." : parent)
  }

  // MARK: Writing

  /// The path to write the part's weights to. Creates the folder of this path if needed.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the part has no weights or the folder cannot be created.
  public func weightsFile(of part: ModelPart) throws -> String {
    guard let file = part.weights(variant: variant) else {
      throw CheckpointError.file(path: path + "/" + part.name, reason: "this part has no weights")
    }
    return try path(toWrite: file)
  }

  /// Writes the part's configuration.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the part has no configuration file or its folder cannot be
  ///   created; `JSONError` if the file cannot be written.
  public func write(_ configuration: JSONValue, of part: ModelPart) throws {
    guard let file = part.configuration else {
      throw CheckpointError.file(path: path + "/" + part.name, reason: "this part has no separate configuration")
    }
    try configuration.write(to: path(toWrite: file))
  }

  /// Writes the configuration of image preprocessing into the image encoder's folder.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the folder cannot be created; `JSONError` if the file cannot
  ///   be written.
  public func write(imageProcessor: JSONValue) throws {
    try imageProcessor.write(to: path(toWrite: "\(ModelPart.imageEncoder.name)/\(ModelPart.preprocessorFile)"))
  }

  /// The folder to write a tokenizer to. Creates the folder if needed.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the folder cannot be created.
  public func tokenizerToWrite(_ part: ModelPart = .tokenizer) throws -> TokenizerFolder {
    let folder = TokenizerFolder(path(of: part))
    try Self.makeFolder(folder.path)
    return folder
  }

  private func path(toWrite relative: String) throws -> String {
    let file = path + "/" + relative
    try Self.makeFolder((file as NSString).deletingLastPathComponent)
    return file
  }

  private static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError.file(path: path, reason: "the folder cannot be created: \(error.localizedDescription)")
    }
  }

  // MARK: Parts of other folders

  /// Copies the given parts from another folder. A file or folder is skipped if it exists here already, or if the other
  /// folder does not have it.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if a file or folder cannot be copied.
  public func copy(_ parts: [ModelPart], from other: ModelFolder) throws {
    for name in parts.flatMap(\.entries) where !exists(name) && other.exists(name) {
      try create(name, "copied") { try FileManager.default.copyItem(atPath: other.real(name), toPath: $0) }
    }
  }

  /// Creates symbolic links to everything in another folder except some parts. Files and folders of the same name in
  /// this folder are replaced. Links lead to the files themselves, never to other links. Nothing happens if both
  /// folders are the same.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the other folder cannot be listed or a link cannot be created.
  public func link(to other: ModelFolder, except own: Set<ModelPart>) throws {
    if real("") == other.real("") { return }
    let kept = Set(own.flatMap(\.entries))
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: other.path).sorted()
    } catch {
      throw CheckpointError.file(path: other.path, reason: "cannot be listed: \(error.localizedDescription)")
    }
    for name in names where !kept.contains(name) {
      try create(name, "linked") {
        try? FileManager.default.removeItem(atPath: $0)
        try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: other.real(name))
      }
    }
  }

  private func create(_ name: String, _ verb: String, _ body: (String) throws -> Void) throws {
    let target = try path(toWrite: name)
    do {
      try body(target)
    } catch {
      throw CheckpointError.file(path: target, reason: "cannot be \(verb): \(error.localizedDescription)")
    }
  }

  /// A path in the folder with all symbolic links resolved.
  private func real(_ relative: String) -> String {
    URL(fileURLWithPath: path + "/" + relative).resolvingSymlinksInPath().standardizedFileURL.path
  }
}
