import Foundation
import Scripting

/// Files that an experiment keeps next to its figure, in a folder with the experiment's name.
extension Run {
  /// The path of a file of this experiment in the run's output folder, else in the package's `Figures`; nil if neither
  /// folder has it.
  func existing(file: String) -> String? {
    let package = ScriptContext.current.package.map { $0 + "/Figures" }
    return [output, package].compactMap { $0.map { "\($0)/\(name)/\(file)" } }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// The path to which a file of this experiment is to be written. Creates its folder.
  /// - Throws: ``RunError/file(path:reason:)`` if the folder cannot be created.
  func prepared(file: String) throws -> String {
    let folder = "\(output)/\(name)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw RunError.file(path: folder, reason: "the folder cannot be created: \(error.localizedDescription)")
    }
    return folder + "/" + file
  }

  /// The folder for intermediate results of long work, which are not part of the package.
  var workFolder: String { (ScriptContext.current.package.map { $0 + "/.build" } ?? output) + "/\(name).work" }
}
