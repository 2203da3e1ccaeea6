import Foundation

/// The way in which this process was started, as read from environment variables.
///
/// `Scripts/run` and `Scripts/repl` set the variables. For a program of your own that links the library, no variable is
/// set, and the defaults apply. Only this type knows the names of the variables.
package struct ScriptContext: Sendable, Equatable {
  /// The folder that holds `Package.swift`, if a script of this package started the process.
  package var package: String?
  /// Whether the process runs one script, and was started by a process that waits for it and cleans up afterwards.
  package var isSupervised: Bool
  /// Whether the process is the REPL, which can stop work and show the results so far.
  package var isREPL: Bool
  /// Whether standard error goes to a terminal, directly or through the pipe of the process that started this one.
  package var hasTerminal: Bool

  static let packageVariable = "MSDIFFUSION_PACKAGE"
  static let supervisedVariable = "MSDIFFUSION_SUPERVISED"
  static let replVariable = "MSDIFFUSION_REPL"
  static let terminalVariable = "MSDIFFUSION_TERMINAL"

  package init(package: String?, isSupervised: Bool = false, isREPL: Bool = false, hasTerminal: Bool) {
    (self.package, self.isSupervised, self.isREPL) = (package, isSupervised, isREPL)
    self.hasTerminal = hasTerminal
  }

  /// Reads the context from environment variables.
  package init(environment: [String: String], standardErrorIsTerminal: Bool) {
    package = environment[Self.packageVariable].flatMap { $0.isEmpty ? nil : $0 }
    isSupervised = environment[Self.supervisedVariable] == "1"
    isREPL = environment[Self.replVariable] == "1"
    hasTerminal = isSupervised ? environment[Self.terminalVariable] == "1" : standardErrorIsTerminal
  }

  /// The context of this process.
  package static let current = ScriptContext(
    environment: ProcessInfo.processInfo.environment, standardErrorIsTerminal: isatty(STDERR_FILENO) == 1)

  /// The variables that pass this context to another process.
  package var environment: [String: String] {
    var variables = [
      Self.supervisedVariable: isSupervised ? "1" : "0", Self.replVariable: isREPL ? "1" : "0",
      Self.terminalVariable: hasTerminal ? "1" : "0",
    ]
    variables[Self.packageVariable] = package
    return variables
  }
}
