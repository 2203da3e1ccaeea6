import Foundation
import JSON
import Tensors

/// A file or folder of named tensors. Opening it reads no tensor: a tensor's values are read when they are used.
///
/// Reads safetensors (one file, or several with an index), PyTorch's zip files and its legacy files, and folders
/// that hold one of these under a published name. Nested dictionaries are flattened and their keys joined by dots; keys
/// that are not text are written as in Python, such as `('a', 1)`.
///
/// The keys include tensors of types that this package cannot read; reading such a tensor is an error.
public final class Checkpoint: Sendable {
  /// The path that was opened.
  public let path: String
  /// All files of the checkpoint; for a sharded one, the index comes first.
  public let files: [String]
  /// Keys of all tensors, sorted.
  public let keys: [String]
  /// The metadata in the headers of safetensors files. If several files give a value for a key, the first one counts.
  public let metadata: [String: String]
  /// The values in pickled files that are not tensors, by flattened key. Values that JSON cannot represent, such as
  /// types and devices, are given as text.
  public let scalars: [String: JSONValue]
  private let parts: [CheckpointPart]
  /// The index in `parts` of the file that holds each tensor, by the tensor's key.
  private let shardIndexByKey: [String: Int]

  /// Opens a file or a model's folder. A file is a checkpoint (`.safetensors`, `.bin`, `.pt` or `.ckpt`, recognised by
  /// its contents) or the index of a sharded checkpoint (`.json`).
  ///
  /// - Parameters:
  ///   - path: File or folder.
  ///   - variant: The variant of a folder's weights to open, such as `fp16` for `model.fp16.safetensors`. If nil, the
  ///     file without a variant is opened, or else the only variant in the folder. It has no effect on a file.
  /// - Throws: ``CheckpointError`` or `JSONError` if the checkpoint cannot be read, is damaged or is not supported.
  public init(_ path: String, variant: String? = nil) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError.file(path: path, reason: "expected a checkpoint file or folder, found nothing")
    }
    let file = isFolder.boolValue ? try CheckpointFolder(path).file(variant: variant) : path
    self.path = path
    if file.hasSuffix(".json") {
      let index = try ShardIndex(file)
      parts = try index.files.map { try CheckpointPart($0) }
      for (key, part) in index.shardIndexByKey where !parts[part].contains(key) {
        throw CheckpointError.malformed(
          path: file, place: "weight_map", expected: "'\(key)' in \(index.files[part])", found: "no such tensor")
      }
      shardIndexByKey = index.shardIndexByKey
    } else {
      parts = [try CheckpointPart(file)]
      shardIndexByKey = Dictionary(uniqueKeysWithValues: parts[0].keys.map { ($0, 0) })
    }
    files = (file.hasSuffix(".json") ? [file] : []) + parts.map(\.path)
    keys = shardIndexByKey.keys.sorted()
    metadata = parts.reduce(into: [:]) { $0.merge($1.metadata) { first, _ in first } }
    scalars = parts.reduce(into: [:]) { $0.merge($1.scalars) { first, _ in first } }
  }

  public func contains(_ key: String) -> Bool { shardIndexByKey[key] != nil }

  /// The shape of a tensor; nil if no tensor has this key.
  public func shape(of key: String) -> [Int]? { shardIndexByKey[key].flatMap { parts[$0].shape(of: key) } }

  /// The stored type of a tensor; nil if no tensor has this key.
  public func storedType(of key: String) -> StoredType? {
    shardIndexByKey[key].flatMap { parts[$0].storedType(of: key) }
  }

  /// The stored type of a tensor that can be read; nil if no tensor has this key, or if its type cannot be read.
  public func elementType(of key: String) -> ElementType? { storedType(of: key)?.elementType }

  /// A tensor as it is stored in its file.
  /// - Throws: ``CheckpointError/missingKey(path:key:)`` if no tensor has this key;
  ///   ``CheckpointError/unsupported(path:what:supported:)`` for a type that cannot be read;
  ///   ``CheckpointError/malformed(path:place:expected:found:)`` for compressed values that are damaged.
  public func stored(_ key: String) throws -> StoredTensor {
    guard let part = shardIndexByKey[key], let type = parts[part].storedType(of: key) else {
      throw CheckpointError.missingKey(path: path, key: key)
    }
    guard let stored = try parts[part].stored(key) else {
      throw CheckpointError.unsupported(
        path: parts[part].path, what: "'\(key)' of type \(type)",
        supported: "\(StoredType.supported); convert this tensor to one of them")
    }
    return stored
  }

  /// Releases the memory that holds parts of the files. The parts are read again when they are needed.
  public func release() { for part in parts { part.release() } }

  /// SHA-256 over the contents of all weight files, one after another, as 64 hexadecimal digits. Paths and the index of
  /// a sharded checkpoint have no effect.
  public func hash() -> String {
    var hash = SHA256()
    for part in parts { hash.update(part.bytes) }
    return hash.finish()
  }
}

/// One file with tensors in it.
private struct CheckpointPart: Sendable {
  private enum Contents: Sendable {
    case safetensors(SafetensorsHeader)
    case pickled(PickledTensors)
  }

  private let file: MappedFile
  private let contents: Contents

  var path: String { file.path }
  var bytes: UnsafeRawBufferPointer { file.bytes }

  init(_ path: String) throws {
    file = try MappedFile(path)
    if let foreign = ForeignContents(of: file.bytes) {
      throw CheckpointError.file(path: path, reason: "expected weights, found \(foreign)")
    }
    // Eight characters of text are neither the length of a safetensors header nor the beginning of a pickle or zip.
    if file.bytes.count >= 8, file.bytes.prefix(8).allSatisfy({ (0x20..<0x7f).contains($0) || (9...13).contains($0) }) {
      let text = String(decoding: file.bytes.prefix(40), as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
      throw CheckpointError.file(
        path: path, reason: "expected weights, found text that begins '\(text)'; download the file itself")
    }
    let start = file.bytes.number(at: 0, as: UInt32.self)
    // A pickle begins with its protocol; a zip, which torch.save writes, with the letters PK.
    if start == 0x0403_4b50 || start.map({ $0 & 0xff }) == 0x80 && !path.hasSuffix(".safetensors") {
      contents = .pickled(try PickledTensors(file.bytes, path: path))
    } else {
      contents = .safetensors(try SafetensorsHeader(file.bytes, path: path))
    }
  }

  func release() { file.release() }

  var keys: [String] {
    switch contents {
    case .safetensors(let header): Array(header.entries.keys)
    case .pickled(let pickled): Array(pickled.tensors.keys)
    }
  }

  var metadata: [String: String] {
    if case .safetensors(let header) = contents { header.metadata } else { [:] }
  }

  var scalars: [String: JSONValue] {
    if case .pickled(let pickled) = contents { pickled.scalars } else { [:] }
  }

  func contains(_ key: String) -> Bool { shape(of: key) != nil }

  func shape(of key: String) -> [Int]? {
    switch contents {
    case .safetensors(let header): header.entries[key]?.shape
    case .pickled(let pickled): pickled.tensors[key]?.shape
    }
  }

  func storedType(of key: String) -> StoredType? {
    switch contents {
    case .safetensors(let header): header.entries[key]?.type
    case .pickled(let pickled): pickled.tensors[key]?.type
    }
  }

  /// nil if there is no such tensor, or if its type cannot be read.
  func stored(_ key: String) throws -> StoredTensor? {
    switch contents {
    case .safetensors(let header):
      guard let entry = header.entries[key], let type = entry.type.elementType else { return nil }
      return StoredTensor(
        shape: entry.shape, elementType: type, bytes: UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]),
        owner: file)
    case .pickled(let pickled): return try pickled.storedTensor(key, in: file.bytes, owner: file)
    }
  }
}
