import Foundation

/// The Python library that the toolchain's debugger, and with it the REPL, is linked against.
package struct PythonLibrary: Sendable, Equatable {
  /// The file's name, with its version.
  package let name: String
  /// The path at which the dynamic linker found the library; nil if it did not find it.
  package let resolved: String?

  /// Finds the Python library in the list of the debugger's libraries; nil if there is none.
  ///
  /// - Parameter listing: the output of `ldd`, with one library per line, such as `libpython3.10.so.1.0 => not found`.
  package init?(listing: String) {
    guard let line = listing.split(separator: "\n").first(where: { $0.contains("libpython") }),
      let match = line.firstMatch(of: /(libpython\S+) => (not found|\S+)/)
    else { return nil }
    name = String(match.1)
    resolved = match.2 == "not found" ? nil : String(match.2)
  }

  /// The usual folders of Python libraries: those of the system, and those of version managers in the home folder. A
  /// star stands for any name.
  package static let usualFolders = [
    "/usr/lib/*", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib/*", "/opt/*/lib", "/opt/python/*/lib",
    "~/.pyenv/versions/*/lib", "~/.local/share/uv/python/*/lib", "~/.local/share/mise/installs/python/*/lib",
    "~/.asdf/installs/python/*/lib", "~/miniconda3/lib", "~/miniconda3/envs/*/lib", "~/anaconda3/lib",
    "~/miniforge3/lib", "~/micromamba/envs/*/lib",
  ]

  /// The path of the first file with the library's name in the folders.
  ///
  /// - Throws: ``ScriptingError/missingPythonLibrary(name:searched:)`` if there is none.
  package func find(in folders: [String] = usualFolders, home: String = NSHomeDirectory()) throws -> String {
    for pattern in folders {
      let pattern = pattern.hasPrefix("~") ? home + pattern.dropFirst() : pattern
      for folder in Self.matches(of: pattern) {
        let path = folder + "/" + name
        if FileManager.default.fileExists(atPath: path) { return path }
      }
    }
    throw ScriptingError.missingPythonLibrary(name: name, searched: folders)
  }

  private static func matches(of pattern: String) -> [String] {
    guard let star = pattern.firstIndex(of: "*") else { return [pattern] }
    let parent = String(pattern[..<star])
    let rest = pattern[pattern.index(after: star)...]
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.sorted().map { parent + $0 + rest }
  }
}

extension ScriptPackage {
  /// The arguments of `lldb` and the environment variables that start the REPL with the library loaded.
  ///
  /// - Throws: ``ScriptingError`` if the library is not built, or if the debugger or its Python library is missing.
  package func replCommand(folders: [String] = PythonLibrary.usualFolders) throws -> (
    arguments: [String], environment: [String: String]
  ) {
    let flags = try compilerFlags()
    guard let debugger = try? capture("sh", ["-c", "command -v lldb"]).trimmingCharacters(in: .newlines),
      let listing = try? capture("ldd", [debugger])
    else { throw ScriptingError.missingDebugger }
    var environment = ScriptContext(package: root, isREPL: true, hasTerminal: false).environment
    var search = [products]
    if let python = PythonLibrary(listing: listing), python.resolved == nil {
      let path = try python.find(in: folders)
      search.append(try isolated(path))
      // A Python that was moved after it was built does not find its own modules without this.
      let prefix = URL(fileURLWithPath: path).deletingLastPathComponent().deletingLastPathComponent().path
      if prefix != "/usr" && prefix != "/usr/lib" { environment["PYTHONHOME"] = prefix }
    }
    let inherited = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"].map { [$0] } ?? []
    environment["LD_LIBRARY_PATH"] = (search + inherited).joined(separator: ":")
    let summaries = "command script import \"\(root)/Scripts/repl_summaries.py\""
    let quoted = flags.map { $0.contains(" ") ? "\"\($0)\"" : $0 }.joined(separator: " ")
    return (["--source-quietly", "--one-line-before-file", summaries, "--repl=" + quoted], environment)
  }

  /// Creates a folder that holds only a link to the library. The library's own folder may hold other libraries, which
  /// the debugger must not load.
  private func isolated(_ library: String) throws -> String {
    let folder = products + "/ReplLibraries"
    let link = folder + "/" + URL(fileURLWithPath: library).lastPathComponent
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try? FileManager.default.removeItem(atPath: link)
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: library)
    } catch {
      throw ScriptingError.unreadable(path: folder, reason: "\(error.localizedDescription)")
    }
    return folder
  }
}
