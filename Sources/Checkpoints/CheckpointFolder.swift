import Foundation
import JSON

/// Finds a model's weights in its folder, by the names that diffusers and transformers publish them under.
struct CheckpointFolder {
  private let path: String
  private let names: [String]

  /// - Throws: ``CheckpointError/file(path:reason:)`` if the folder cannot be listed.
  init(_ path: String) throws {
    self.path = path
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw CheckpointError.file(path: path, reason: "cannot be listed: \(error.localizedDescription)")
    }
  }

  /// The file to open. Safetensors are preferred to pickles. Among files of one kind, names are preferred in the order
  /// of ``WeightNames/all``, and for each name a single file is preferred to an index.
  ///
  /// If `variant` is nil, weights without a variant are preferred. If there are none, the folder's only variant is
  /// opened.
  /// - Throws: ``CheckpointError/file(path:reason:)`` if the folder has no such weights, or if `variant` is nil and the
  ///   only weights belong to several variants.
  func file(variant: String?) throws -> String {
    if let variant {
      if let name = candidates(variant).first(where: names.contains) { return path + "/" + name }
    } else {
      if let name = candidates(nil).first(where: names.contains) { return path + "/" + name }
      let variants = self.variants
      if variants.count == 1, let name = candidates(variants[0]).first(where: names.contains) {
        return path + "/" + name
      }
      if variants.count > 1 {
        throw CheckpointError.file(
          path: path,
          reason: "expected one set of weights, found the variants \(variants.joined(separator: ", ")); "
            + "specify which one to load")
      }
    }
    let wanted = candidates(variant).prefix(2).joined(separator: " or ")
    let list = names.prefix(6).joined(separator: ", ") + (names.count > 6 ? ", …" : "")
    let found = names.isEmpty ? "an empty folder" : list
    throw CheckpointError.file(path: path, reason: "expected weights such as \(wanted), found \(found)")
  }

  /// The middle parts of all weight files whose names have three parts: `fp16` for `model.fp16.safetensors`. A shard's
  /// number is not removed from a middle part, and the names of indexes are not considered.
  private var variants: [String] {
    let found = names.compactMap { name -> String? in
      let parts = name.split(separator: ".").map(String.init)
      guard parts.count == 3, WeightNames.all.contains(parts[0]), WeightNames.endings.contains(parts[2]) else {
        return nil
      }
      return parts[1]
    }
    return Set(found).sorted()
  }

  private func candidates(_ variant: String?) -> [String] {
    WeightNames.endings.flatMap { ending in
      WeightNames.all.flatMap { stem -> [String] in
        guard let variant else { return ["\(stem).\(ending)", "\(stem).\(ending).index.json"] }
        return [
          "\(stem).\(variant).\(ending)", "\(stem).\(ending).index.\(variant).json",
          "\(stem).\(variant).\(ending).index.json",
        ]
      }
    }
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
