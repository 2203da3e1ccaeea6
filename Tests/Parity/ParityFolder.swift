import Checkpoints
import Foundation
import JSON
import MSDiffusion

/// Faults in a folder of golden values.
package enum ParityError: Error, Equatable, CustomStringConvertible {
  case noFolder(String)
  case empty(String)
  /// Parts of a case have shapes or values that do not fit together.
  case unfit(_ place: String, expected: String, found: String)

  package var description: String {
    switch self {
    case .noFolder(let path): "\(path): expected a folder of golden values, found none"
    case .empty(let path): "\(path): expected components.safetensors, generate/ and the like, found nothing to compare"
    case .unfit(let place, let expected, let found): "\(place): expected \(expected), found \(found)"
    }
  }
}

/// A folder of golden values, and the checkpoint and files that several of its parts share.
package final class ParityFolder {
  package let path: String
  let report: ParityReport
  private var opened: Pipeline?

  /// Parts that are skipped, given by the beginning of their files' paths.
  static let skippedParts = ["controlnet/", "dino/", "metrics."]
  /// Files that describe other files and contain nothing to compare.
  static let notes = ["README.md", "TENSORS.md", "checks.json", "components.json", "schedulers.json"]

  /// Whether a file is an input for comparisons: a photograph (or its licence), or a part of the pipeline.
  private static func isInput(_ file: String) -> Bool {
    let parts = file.split(separator: "/").map(String.init)
    let ending = (file as NSString).pathExtension.lowercased()
    switch parts.first {
    case "photos": return parts.count == 2 && ["png", "jpg", "jpeg", "gif", "webp", "bmp", "md"].contains(ending)
    case "pipeline" where parts.count == 2:
      return (ModelPart.index.entries + ModelPart.adapter.entries).contains(parts[1])
    case "pipeline" where parts.count == 3: return ["json", "txt", "safetensors", "bin"].contains(ending)
    default: return false
    }
  }

  /// - Parameter path: A folder laid out as the golden values' README describes; parts may be missing.
  package init(_ path: String, report: ParityReport) {
    (self.path, self.report) = (path, report)
  }

  /// Compares everything in the folder.
  /// - Throws: ``ParityError`` if there is no folder or nothing to compare in it. Other errors become failed rows.
  package func run() throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw ParityError.noFolder(path)
    }
    let files = Self.files(in: path)
    guard !files.isEmpty else { throw ParityError.empty(path) }
    let parts: [(part: String, run: () throws -> Void)] = [
      ("rng.safetensors", randomNumbers), ("tokens.json", tokens), ("schedulers.safetensors", schedulers),
      ("reader/", readers), ("unet_sharded/", shardedUNet), ("components.safetensors", components),
      ("generate/", generations), ("training/", training),
    ]
    for file in files {
      if let part = Self.skippedParts.first(where: file.hasPrefix) {
        report.skip(part, count: Self.tensorCount(path + "/" + file))
      } else if !Self.notes.contains(file), !Self.isInput(file),
        !parts.contains(where: { $0.part == file || $0.part.hasSuffix("/") && file.hasPrefix($0.part) })
      {
        report.fail(file, "this file is not known, so it was not compared")
      }
    }
    for (part, run) in parts where files.contains(where: { $0.hasPrefix(part) }) { attempt(part, run) }
    if report.rows.isEmpty { throw ParityError.empty(path) }
  }

  /// Runs one part; an error that it throws becomes a failed row.
  func attempt(_ name: String, _ body: () throws -> Void) {
    do { try body() } catch { report.fail(name, "\(error)") }
  }

  /// The golden checkpoint, opened once.
  func pipeline() throws -> Pipeline {
    if let opened { return opened }
    let pipeline = try freshPipeline()
    opened = pipeline
    return pipeline
  }

  /// Opens the golden checkpoint again, for cases that change its weights.
  func freshPipeline() throws -> Pipeline {
    // The number of heads cannot be inferred from the weights' shapes.
    let heads = try has("components.json") ? json("components.json")["grounding"]["heads"].int(or: 0) : 0
    return try Pipeline(path + "/pipeline", adapterHeads: heads == 0 ? nil : heads)
  }

  func has(_ file: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + file) }

  func json(_ file: String) throws -> JSONNode { try JSONNode.read(path + "/" + file) }

  /// Paths of all files below a folder, relative to it, sorted; links are followed.
  static func files(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted().flatMap { name -> [String] in
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
      return exists && isFolder.boolValue ? files(in: folder + "/" + name).map { name + "/" + $0 } : [name]
    }
  }

  /// The number of tensors in a safetensors file; 1 for any other file, and for one that cannot be read.
  private static func tensorCount(_ file: String) -> Int {
    file.hasSuffix(".safetensors")
      ? (try? GoldenFile((file as NSString).deletingLastPathComponent, (file as NSString).lastPathComponent).keys.count)
        ?? 1 : 1
  }
}
