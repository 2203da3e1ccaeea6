import Foundation

/// A script that asks one question, in its own file.
package struct Experiment: Sendable, Equatable {
  /// The path of the file.
  package let path: String

  package init(path: String) { self.path = path }

  /// The file's name without folder and extension.
  package var name: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }

  /// The question in the file's first line; empty if this line is not a comment.
  package var question: String { Self.question(in: (try? String(contentsOfFile: path, encoding: .utf8)) ?? "") }

  static func question(in source: String) -> String {
    let line = source.prefix { $0 != "\n" }
    guard line.hasPrefix("//") else { return "" }
    return line.drop { $0 == "/" }.trimmingCharacters(in: .whitespaces)
  }

  /// The cells of a script. Each line that starts with `// %%` begins a cell; the lines before the first such line are
  /// a cell, too. Cells of white space alone are left out.
  package static func cells(of source: String) -> [String] {
    var cells: [[Substring]] = [[]]
    for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("// %%") { cells.append([]) }
      cells[cells.count - 1].append(line)
    }
    return cells.map { $0.joined(separator: "\n") }.filter { !$0.allSatisfy(\.isWhitespace) }
  }
}

extension ScriptPackage {
  /// The experiments of the package, in alphabetical order.
  package func experiments() -> [Experiment] {
    let folder = root + "/Experiments"
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".swift") && !$0.hasPrefix(".") }.sorted()
      .map { Experiment(path: folder + "/" + $0) }
  }

  /// The experiment with this name, or the script at this path.
  ///
  /// - Throws: ``ScriptingError/unknownExperiment(name:known:)`` if there is neither;
  ///   ``ScriptingError/unreadable(path:reason:)`` if the file is not a Swift script.
  package func experiment(_ nameOrPath: String) throws -> Experiment {
    let known = experiments()
    if let named = known.first(where: { $0.name == nameOrPath }) { return named }
    for path in [nameOrPath, root + "/Experiments/" + nameOrPath] where isFile(path) {
      guard path.hasSuffix(".swift") else {
        throw ScriptingError.unreadable(path: path, reason: "expected a Swift script, whose name ends in .swift")
      }
      return Experiment(path: path)
    }
    throw ScriptingError.unknownExperiment(name: nameOrPath, known: known.map(\.name))
  }

  private func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }
}
