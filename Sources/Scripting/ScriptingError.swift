/// An error that keeps a script or the REPL from starting.
package enum ScriptingError: Error, CustomStringConvertible, Equatable {
  /// There is no `Package.swift` in the program's folder or in one above it.
  case packageNotFound(searchedFrom: String)
  /// A file that the build makes is missing.
  case notBuilt(missing: String)
  /// No experiment and no file has this name.
  case unknownExperiment(name: String, known: [String])
  /// A file or folder could not be read.
  case unreadable(path: String, reason: String)
  /// A program could not be started.
  case cannotStart(program: String, reason: String)
  /// The Python library that the debugger is linked against was not found.
  case missingPythonLibrary(name: String, searched: [String])
  /// The toolchain has no debugger; the REPL is a part of it.
  case missingDebugger

  package var description: String {
    switch self {
    case .packageNotFound(let start):
      "there is no Package.swift in \(start) or in a folder above it; start this program through Scripts/run"
    case .notBuilt(let missing):
      "\(missing) is missing; build the package first with Scripts/build"
    case .unknownExperiment(let name, let known):
      "no experiment and no file is called '\(name)'; "
        + (known.isEmpty ? "Experiments/ is empty" : "there are: \(known.joined(separator: ", "))")
    case .unreadable(let path, let reason):
      "cannot read \(path): \(reason)"
    case .cannotStart(let program, let reason):
      "cannot start '\(program)': \(reason)"
    case .missingPythonLibrary(let name, let searched):
      "the REPL needs \(name), which the debugger of this Swift toolchain is linked against and which is in none of "
        + "\(searched.joined(separator: ", ")); install that Python version, or name the folder that holds the file in "
        + "LD_LIBRARY_PATH"
    case .missingDebugger:
      "the REPL needs the Swift toolchain's lldb, which was not found in PATH or cannot be used"
    }
  }
}
