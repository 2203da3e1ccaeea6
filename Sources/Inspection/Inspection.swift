import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Tensors

/// A description of a checkpoint file or model folder, as text.
package struct Inspection {
  /// Lines to print.
  package private(set) var lines: [String] = []
  /// Whether nothing is wrong: no needed part of a model folder is missing, and no model that was checked lacks a
  /// weight, has a weight of a wrong shape or cannot be built.
  package private(set) var isWhole = true
  private let listsKeys: Bool

  /// Opens a path and describes what is there.
  /// - Parameter listsKeys: Whether all keys are listed; if not, only their number is given.
  /// - Throws: `CheckpointError` if a file or folder cannot be read; `JSONError` if a configuration cannot be read or
  ///   has a wrong entry.
  package init(_ path: String, listsKeys: Bool = true) throws {
    self.listsKeys = listsKeys
    let folder = ModelFolder.folder(of: path)
    if folder.path == path, folder.isModelFolder {
      try describe(folder)
    } else {
      let configuration = try ModelFolder.configuration(beside: path).map { try JSONNode.read($0) }
      try describe(path, configuration: configuration, beside: folder)
    }
  }

  private mutating func describe(_ folder: ModelFolder) throws {
    lines.append("\(folder.path): a model folder")
    for part in ModelPart.models where folder.hasConfiguration(of: part) {
      lines.append("")
      try describe(folder.path(of: part), configuration: folder.configuration(of: part), beside: folder)
    }
    for part in try folder.neededParts() where !folder.has(part) {
      lines.append("  missing: \(part)")
      isWhole = false
    }
    if folder.has(.adapter) {
      lines.append("")
      try describe(folder.path(of: .adapter), configuration: nil, beside: folder)
    } else {
      lines.append("  there is no \(ModelPart.adapter); this is a base model without an adapter")
    }
  }

  /// Describes a checkpoint.
  /// - Parameter folder: the folder of the checkpoint; if the checkpoint is an adapter, the U-Net is looked for there.
  private mutating func describe(_ path: String, configuration: JSONNode?, beside folder: ModelFolder) throws {
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
    lines.append("\(path): \(kind.map { "looks like \($0.rawValue)" } ?? "belongs to no known model")")
    lines.append("  files: \(checkpoint.files.map { ($0 as NSString).lastPathComponent }.joined(separator: ", "))")
    lines.append(
      "  tensors: \(checkpoint.keys.count) (\(typeList.joined(separator: ", "))) "
        + "of \(numbers) numbers together, \(Self.size(bytes))")
    for (key, text) in checkpoint.metadata.sorted(by: { $0.key < $1.key }) {
      lines.append("  metadata \(key): \(text.prefix(200))")
    }
    for (key, value) in checkpoint.scalars.sorted(by: { $0.key < $1.key }) {
      lines.append("  value \(key): \(value.text().prefix(200))")
    }
    if let kind { try compare(checkpoint, kind, configuration: configuration, beside: folder) }
    if listsKeys {
      for key in checkpoint.keys {
        let type = checkpoint.elementType(of: key)?.rawValue ?? ""
        lines.append("  \(key)  \(checkpoint.shape(of: key) ?? [])  \(type)")
      }
    }
  }

  /// Compares the checkpoint with the weights that a model of its kind needs.
  private mutating func compare(
    _ checkpoint: Checkpoint, _ kind: ModelKind, configuration: JSONNode?, beside folder: ModelFolder
  ) throws {
    let source = NotingSource(checkpoint)
    if kind == .adapter, !folder.hasConfiguration(of: .unet) {
      return lines.append("  not checked whether the adapter fits a U-Net, because its folder has no U-Net")
    }
    guard kind == .adapter || configuration != nil else {
      return lines.append("  not checked whether every weight is there, because its folder has no configuration")
    }
    do {
      try kind.build(source, configuration, beside: folder)
    } catch let error as ParameterError {
      // The lines below then cover only the weights that were requested before the error.
      lines.append("  no model can be built: \(error)")
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

  /// A number of bytes in a readable unit.
  private static func size(_ bytes: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB"]
    var (number, unit) = (Double(bytes), 0)
    while number >= 1024, unit < units.count - 1 { (number, unit) = (number / 1024, unit + 1) }
    return unit == 0 ? "\(bytes) B" : String(format: "%.1f \(units[unit])", number)
  }
}
