import Foundation
import Scripting

/// Files that an experiment keeps beside its figure, in a folder of its name.
extension Run {
  /// A file of this experiment: where this run's figures go, else where the package's own lie; nil where there is none.
  func existing(file: String) -> String? {
    let package = ScriptContext.current.package.map { $0 + "/Figures" }
    return [output, package].compactMap { $0.map { "\($0)/\(name)/\(file)" } }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// Where a file of this experiment is written; its folder is made.
  /// - Throws: ``RunError/file(path:reason:)``.
  func prepared(file: String) throws -> String {
    let folder = "\(output)/\(name)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw RunError.file(path: folder, reason: "the folder cannot be made: \(error.localizedDescription)")
    }
    return folder + "/" + file
  }

  /// Where long work keeps what it has so far: nothing that belongs to the package.
  var workFolder: String { (ScriptContext.current.package.map { $0 + "/.build" } ?? output) + "/\(name).work" }
}
