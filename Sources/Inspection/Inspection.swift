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
  /// Whether nothing wrong was found. For a model folder, this means that the model can be opened and that its
  /// scheduler is supported. A single checkpoint is only compared with the weights that its model needs, and only if
  /// the kind of model is recognised and its configuration is there.
  package private(set) var isWhole = true
  private let listsKeys: Bool
  private let variant: String?

  /// Opens a path and describes what is there.
  /// - Parameters:
  ///   - listsKeys: Whether all keys are listed; if not, only their number is given.
  ///   - variant: The variant of a folder's weights, such as `fp16`.
  /// - Throws: `CheckpointError` or `JSONError` if a checkpoint or its configuration cannot be read. For a model folder
  ///   nothing is thrown: the lines say which parts cannot be read.
  package init(_ path: String, listsKeys: Bool = true, variant: String? = nil) throws {
    (self.listsKeys, self.variant) = (listsKeys, variant)
    let folder = ModelFolder.folder(of: path)
    if folder.path == path, folder.isModelFolder {
      try describe(ModelFolder(path, variant: variant))
    } else {
      let configuration = try ModelFolder.configuration(beside: path).map { try JSONNode.read($0) }
      let checkpoint = try Checkpoint(path, variant: variant)
      describe(checkpoint, kind: ModelKind(keys: checkpoint.keys), configuration: configuration, beside: folder)
    }
  }

  // MARK: Model folders

  private mutating func describe(_ folder: ModelFolder) throws {
    lines.append("\(folder.path): a model folder")
    var fit = PartFit(folder)
    attempt { _ in try folder.checkVariant() }
    for part in ModelPart.models where folder.has(part) { describe(part, of: folder, &fit) }
    let needed = attempt { _ in try folder.neededParts() } ?? ModelPart.required
    for part in needed where !folder.has(part) {
      lines.append("  missing: \(part)")
      isWhole = false
    }
    if folder.has(.adapter) {
      describe(.adapter, of: folder, &fit)
      if !folder.has(.imageEncoder) {
        lines.append("  missing: \(ModelPart.imageEncoder), without which the adapter cannot be used")
        isWhole = false
      }
    } else {
      lines.append("  there is no \(ModelPart.adapter); this is a base model without an adapter")
    }
    describeRest(of: folder, &fit)
    for misfit in fit.misfits {
      lines.append("  does not fit: \(misfit)")
      isWhole = false
    }
    guard isWhole else { return lines.append("  the model cannot run as it is") }
    // Opening the model finds the errors that none of the checks above looks for.
    guard attempt({ _ in try Pipeline(folder.path, variant: folder.variant) }) != nil else { return }
    lines.append("  the model can run")
  }

  /// Describes a part with weights, and adds its sizes to `fit`.
  private mutating func describe(_ part: ModelPart, of folder: ModelFolder, _ fit: inout PartFit) {
    lines.append("")
    attempt {
      let checkpoint = try folder.checkpoint(of: part)
      let configuration = try part == .adapter ? nil : folder.configuration(of: part)
      if part == .adapter { try AdapterContents.check(checkpoint.keys, path: folder.path(of: part)) }
      $0.describe(
        checkpoint, kind: ModelKind(part), configuration: configuration, className: try folder.className(of: part),
        beside: folder)
    }
    do { try fit.read(part) } catch { isWhole = false }
  }

  /// Checks the parts without weights: tokenizers, image preprocessing and scheduler.
  private mutating func describeRest(of folder: ModelFolder, _ fit: inout PartFit) {
    lines.append("")
    for index in fit.text.indices where folder.has(fit.text[index].tokenizer) {
      let part = fit.text[index].tokenizer
      fit.text[index].tokens = attempt { _ in try CLIPTokenizer(folder: folder.tokenizer(part).path) }
    }
    let processor = attempt { _ in try folder.imageProcessor().map { try CLIPImageProcessor($0) } }
    if let processor { fit.imageProcessor = processor }
    guard folder.hasConfiguration(of: .scheduler) else { return }
    attempt { _ in
      let json = try folder.configuration(of: .scheduler)
      let name = try json["_class_name"].isPresent ? json["_class_name"].string() : folder.className(of: .scheduler)
      let kind = try SchedulerKind.named(name ?? "")
      _ = try kind.make(configuration: SchedulerConfiguration(json), steps: 20)
    }
  }

  /// Runs a check. If it throws, the error becomes a line, and `isWhole` becomes false.
  @discardableResult
  private mutating func attempt<Result>(_ body: (inout Inspection) throws -> Result) -> Result? {
    do {
      return try body(&self)
    } catch {
      lines.append("  cannot be used: \(error)")
      isWhole = false
      return nil
    }
  }

  // MARK: Checkpoints

  /// Describes a checkpoint.
  /// - Parameters:
  ///   - className: the class that the model folder's index names; nil: none.
  ///   - folder: the folder of the checkpoint; if the checkpoint is an adapter, the U-Net is looked for there.
  private mutating func describe(
    _ checkpoint: Checkpoint, kind: ModelKind?, configuration: JSONNode?, className: String? = nil,
    beside folder: ModelFolder
  ) {
    var types: [StoredType: Int] = [:]
    var (numbers, bits) = (0, 0)
    for key in checkpoint.keys {
      guard let shape = checkpoint.shape(of: key), let type = checkpoint.storedType(of: key) else { continue }
      let count = shape.reduce(1, *)
      types[type, default: 0] += 1
      numbers += count
      bits += count * type.bits
    }
    let typeList = types.sorted { $0.key.name < $1.key.name }.map { "\($0.value) \($0.key)" }
    lines.append("\(checkpoint.path): \(kind.map { "looks like \($0.rawValue)" } ?? "belongs to no known model")")
    lines.append("  files: \(checkpoint.files.map { ($0 as NSString).lastPathComponent }.joined(separator: ", "))")
    lines.append(
      "  tensors: \(checkpoint.keys.count) (\(typeList.joined(separator: ", "))) "
        + "of \(numbers) numbers together, \(Self.size(bits / 8))")
    let unreadable = types.keys.filter { $0.elementType == nil }.map(\.name).sorted()
    if !unreadable.isEmpty {
      lines.append("  not readable: tensors of type \(unreadable.joined(separator: "; ")); all others can be read")
    }
    for (key, text) in checkpoint.metadata.sorted(by: { $0.key < $1.key }) {
      lines.append("  metadata \(key): \(text.prefix(200))")
    }
    for (key, value) in checkpoint.scalars.sorted(by: { $0.key < $1.key }) {
      lines.append("  value \(key): \(value.text().prefix(200))")
    }
    if let kind { compare(checkpoint, kind, configuration: configuration, className: className, beside: folder) }
    if listsKeys {
      for key in checkpoint.keys {
        let type = checkpoint.storedType(of: key)?.name ?? ""
        lines.append("  \(key)  \(checkpoint.shape(of: key) ?? [])  \(type)")
      }
    }
  }

  /// Compares the checkpoint with the weights that a model of its kind needs.
  private mutating func compare(
    _ checkpoint: Checkpoint, _ kind: ModelKind, configuration: JSONNode?, className: String?,
    beside folder: ModelFolder
  ) {
    if kind == .adapter, !folder.hasConfiguration(of: .unet) {
      return lines.append("  not checked whether the adapter fits a U-Net, because its folder has no U-Net")
    }
    guard kind == .adapter || configuration != nil else {
      return lines.append("  not checked whether every weight is there, because its folder has no configuration")
    }
    let source = NotingSource(checkpoint, of: kind.keys)
    var problems: [String] = []
    do {
      try kind.build(source, configuration, className: className, beside: folder)
    } catch {
      // The lines below then cover only the weights that were requested before the error.
      problems.append("  no model can be built: \(error)")
    }
    problems += source.missing.map { "  missing: \($0.key) \($0.shape)" }
    problems += source.wrong.map {
      "  wrong shape: \($0.key) is \(checkpoint.shape(of: $0.key) ?? []), expected \($0.shape)"
    }
    problems += source.unreadable.map {
      "  not readable: \($0) is of type \(checkpoint.storedType(of: $0)?.name ?? ""); convert it to float16"
    }
    // After an error the model has not requested all weights, so it is unknown which weights are surplus.
    if problems.isEmpty || !problems[0].hasPrefix("  no model") {
      problems += source.surplus.map { "  surplus: \($0) \(checkpoint.shape(of: $0) ?? [])" }
    }
    lines += problems
    if problems.isEmpty {
      lines.append("  whole: every weight is there, none is surplus")
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
