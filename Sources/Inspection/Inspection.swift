import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Tensors

/// What a checkpoint file or folder is, as text.
public struct Inspection {
  /// Lines to print.
  public private(set) var lines: [String] = []
  /// Whether every model found all of its weights in the right shapes.
  public private(set) var isWhole = true
  private let listsKeys: Bool

  /// Parts of a pipeline's folder.
  private static let parts = ["unet", "vae", "text_encoder", "text_encoder_2", "image_encoder"]

  /// Opens a path and describes it.
  /// - Parameters:
  ///   - listsKeys: Whether every key is listed, or only their number.
  /// - Throws: `CheckpointError`, `JSONError` and the like for what is refused.
  public init(_ path: String, listsKeys: Bool = true) throws {
    self.listsKeys = listsKeys
    if Self.exists(path + "/unet/config.json") || Self.exists(path + "/model_index.json") {
      try describePipeline(path)
    } else {
      let folder = Self.isFolder(path) ? path : (path as NSString).deletingLastPathComponent
      let configuration = folder + "/config.json"
      let layers = try Self.crossAttentionLayers(folder)
      try describe(path, configuration: Self.exists(configuration) ? configuration : nil, layers: layers)
    }
  }

  /// Those of the U-Net in a pipeline's folder, which an adapter is made for; none where there is no U-Net.
  private static func crossAttentionLayers(_ folder: String) throws -> [CrossAttention] {
    let configuration = (folder.isEmpty ? "." : folder) + "/unet/config.json"
    guard exists(configuration) else { return [] }
    return try UNet(Scope(ShapeSource()), UNetConfiguration(JSONNode.read(configuration))).crossAttentionLayers
  }

  private mutating func describePipeline(_ path: String) throws {
    lines.append("\(path): a pipeline's folder")
    for part in Self.parts where Self.exists("\(path)/\(part)/config.json") {
      lines.append("")
      try describe("\(path)/\(part)", configuration: "\(path)/\(part)/config.json", layers: [])
    }
    var needed = ["unet", "vae", "text_encoder", "tokenizer", "scheduler"]
    if Self.exists(path + "/model_index.json") {
      // Models with a second text encoder name it here.
      let index = try JSONNode.read(path + "/model_index.json")
      needed += ["text_encoder_2", "tokenizer_2"].filter { index[$0][1].isPresent }
    }
    for part in needed where !Self.exists("\(path)/\(part)") {
      lines.append("  missing: \(part)/")
      isWhole = false
    }
    if let adapter = ["ms_adapter.safetensors", "ms_adapter.bin"].first(where: { Self.exists("\(path)/\($0)") }) {
      lines.append("")
      try describe("\(path)/\(adapter)", configuration: nil, layers: Self.crossAttentionLayers(path))
    } else {
      lines.append("  no ms_adapter.safetensors or ms_adapter.bin: the base model alone")
    }
  }

  private mutating func describe(_ path: String, configuration: String?, layers: [CrossAttention]) throws {
    let checkpoint = try Checkpoint(path)
    let kind = ModelKind(keys: checkpoint.keys)
    var types: [ElementType: Int] = [:]
    var (numbers, bytes) = (0, 0)
    for key in checkpoint.keys {
      guard let shape = checkpoint.shape(of: key), let type = checkpoint.elementType(of: key) else { continue }
      let count = shape.reduce(1, *)
      types[type, default: 0] += 1
      numbers += count
      bytes += count * type.size
    }
    let typeList = types.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.rawValue)" }
    lines.append("\(path): \(kind.map { "looks like \($0.rawValue)" } ?? "of no model that is known here")")
    lines.append("  files: \(checkpoint.files.map { ($0 as NSString).lastPathComponent }.joined(separator: ", "))")
    lines.append(
      "  tensors: \(checkpoint.keys.count) (\(typeList.joined(separator: ", "))), \(numbers) numbers, \(Self.size(bytes))"
    )
    for (key, text) in checkpoint.metadata.sorted(by: { $0.key < $1.key }) {
      lines.append("  metadata \(key): \(text.prefix(200))")
    }
    for (key, value) in checkpoint.scalars.sorted(by: { $0.key < $1.key }) {
      lines.append("  value \(key): \(value.text().prefix(200))")
    }
    if let kind { try compare(checkpoint, kind, configuration: configuration, layers: layers) }
    if listsKeys {
      for key in checkpoint.keys {
        let type = checkpoint.elementType(of: key)?.rawValue ?? ""
        lines.append("  \(key)  \(checkpoint.shape(of: key) ?? [])  \(type)")
      }
    }
  }

  /// What a model of that kind finds in a checkpoint.
  private mutating func compare(
    _ checkpoint: Checkpoint, _ kind: ModelKind, configuration: String?, layers: [CrossAttention]
  ) throws {
    let source = NotingSource(checkpoint)
    if kind == .adapter, layers.isEmpty {
      return lines.append("  keys and values fit a U-Net: not checked, as no U-Net lies beside it")
    }
    guard kind == .adapter || configuration != nil else {
      return lines.append("  weights fit a configuration: not checked, as no config.json lies beside it")
    }
    let heads = checkpoint.shape(of: "image_proj.layers.0.0.to_q.weight").map { $0[0] % 64 == 0 ? nil : 1 } ?? nil
    do {
      try kind.build(source, configuration.map { try JSONNode.read($0) }, layers: layers, heads: heads)
    } catch let error as ParameterError {
      // A configuration that cannot be built is told, and so is what was asked for until then.
      lines.append("  refused: \(error)")
      isWhole = false
    }
    for (key, shape) in source.missing { lines.append("  missing: \(key) \(shape)") }
    for (key, shape) in source.wrong {
      lines.append("  wrong shape: \(key) is \(checkpoint.shape(of: key) ?? []), expected \(shape)")
    }
    for key in source.surplus { lines.append("  surplus: \(key) \(checkpoint.shape(of: key) ?? [])") }
    if source.missing.isEmpty, source.wrong.isEmpty, isWhole {
      lines.append("  whole: every weight is there\(source.surplus.isEmpty ? ", none is surplus" : "")")
    } else {
      isWhole = false
    }
  }

  private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Bytes for people.
  private static func size(_ bytes: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB"]
    var (number, unit) = (Double(bytes), 0)
    while number >= 1024, unit < units.count - 1 { (number, unit) = (number / 1024, unit + 1) }
    return unit == 0 ? "\(bytes) B" : String(format: "%.1f \(units[unit])", number)
  }
}
