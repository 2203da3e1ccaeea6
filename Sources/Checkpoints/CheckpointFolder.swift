import Foundation
import JSON

/// Finds a model's weights in its folder, by the names that diffusers and transformers publish them under.
struct CheckpointFolder {
  private let path: String
  private let names: [String]
  private let files: [WeightFileName]

  /// - Throws: ``CheckpointError/file(path:reason:)`` if the folder cannot be listed.
  init(_ path: String) throws {
    self.path = path
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw CheckpointError.file(path: path, reason: "cannot be listed: \(error.localizedDescription)")
    }
    files = names.compactMap(WeightFileName.init)
  }

  /// The variants of weights in the folder, sorted; a variant in several files counts once.
  var variants: [String] { Set(files.compactMap(\.variant)).sorted() }

  /// The file to open. Safetensors are preferred to pickles. Among files of one kind, names are preferred in the order
  /// of ``WeightNames/all``, and for each name a single file is preferred to an index.
  ///
  /// If `variant` is nil, weights without a variant are preferred. If there are none, the folder's only variant is
  /// opened.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the folder has no such weights, if their index is missing, or
  ///   if `variant` is nil and the only weights belong to several variants.
  func file(variant: String?) throws -> String {
    if let name = first(of: variant) { return path + "/" + name }
    if variant == nil, !hasShards(of: nil) {
      let variants = self.variants
      if variants.count == 1 { return try file(variant: variants[0]) }
      if variants.count > 1 {
        throw CheckpointError.file(
          path: path,
          reason: "expected one set of weights, found the variants \(variants.joined(separator: ", ")); "
            + "specify which one to load")
      }
    }
    if let shard = files.first(where: { $0.variant == variant && $0.content == .shard }) {
      let index = "\(shard.stem).\(shard.ending).index\(variant.map { "." + $0 } ?? "").json"
      throw CheckpointError.file(
        path: path, reason: "expected \(index) next to \(shard.name), which is one of several files; found no index")
    }
    let wanted = [WeightNames.diffusers, WeightNames.transformers]
      .map { "\($0)\(variant.map { "." + $0 } ?? "").safetensors" }.joined(separator: " or ")
    let list = names.prefix(6).joined(separator: ", ") + (names.count > 6 ? ", …" : "")
    let found = names.isEmpty ? "an empty folder" : list
    throw CheckpointError.file(path: path, reason: "expected weights such as \(wanted), found \(found)")
  }

  private func hasShards(of variant: String?) -> Bool {
    files.contains { $0.variant == variant && $0.content == .shard }
  }

  /// The preferred file with a variant's weights or their index.
  private func first(of variant: String?) -> String? {
    let own = files.filter { $0.variant == variant }
    for ending in WeightNames.endings {
      for stem in WeightNames.all {
        for content in [WeightFileName.Content.whole, .index] {
          let found = own.first { $0.ending == ending && $0.stem == stem && $0.content == content }
          if let found { return found.name }
        }
      }
    }
    return nil
  }
}

/// Maps each tensor of a sharded checkpoint to its file.
struct ShardIndex {
  /// Paths of the files.
  let files: [String]
  /// The index in `files` of the file that holds each tensor, by the tensor's key.
  let shardIndexByKey: [String: Int]

  /// - Throws: ``CheckpointError``, `JSONError`.
  init(_ path: String) throws {
    let map = try JSONNode.read(path)["weight_map"]
    let folder = (path as NSString).deletingLastPathComponent
    var names: [String] = []
    var indices: [String: Int] = [:]
    var shardIndexByKey: [String: Int] = [:]
    for key in try map.keys() {
      let name = try map[key].string()
      guard !name.contains("/"), name != "..", !name.isEmpty, !name.hasSuffix(".json") else {
        throw CheckpointError.malformed(
          path: path, place: "weight_map: \(key)", expected: "the name of a file in the same folder", found: "'\(name)'"
        )
      }
      if indices[name] == nil {
        indices[name] = names.count
        names.append(name)
      }
      shardIndexByKey[key] = indices[name]
    }
    files = names.map { folder.isEmpty ? $0 : folder + "/" + $0 }
    self.shardIndexByKey = shardIndexByKey
  }
}
