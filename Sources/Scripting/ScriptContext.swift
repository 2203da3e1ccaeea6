import Foundation

/// What whoever started this process said about it, through environment variables.
///
/// `Scripts/run` and `Scripts/repl` set them; a program that links the library in its own way has none, and then the
/// defaults hold. This is the only place that knows the names of the variables.
package struct ScriptContext: Sendable, Equatable {
  /// The folder that holds `Package.swift`, when a script of this package started the process.
  package var package: String?
  /// True when the process was started to run one experiment, and someone waits to clean up after it.
  package var isSupervised: Bool
  /// True when the process is the REPL, where work can be stopped and what it has can be looked at.
  package var isREPL: Bool
  /// True when standard error ends in a terminal, perhaps by way of the supervisor's pipe.
  package var hasTerminal: Bool

  static let packageVariable = "MSDIFFUSION_PACKAGE"
  static let supervisedVariable = "MSDIFFUSION_SUPERVISED"
  static let replVariable = "MSDIFFUSION_REPL"
  static let terminalVariable = "MSDIFFUSION_TERMINAL"

  package init(package: String?, isSupervised: Bool = false, isREPL: Bool = false, hasTerminal: Bool) {
    (self.package, self.isSupervised, self.isREPL) = (package, isSupervised, isREPL)
    self.hasTerminal = hasTerminal
  }

  /// Reads the context out of environment variables.
  package init(environment: [String: String], standardErrorIsTerminal: Bool) {
    package = environment[Self.packageVariable].flatMap { $0.isEmpty ? nil : $0 }
    isSupervised = environment[Self.supervisedVariable] == "1"
    isREPL = environment[Self.replVariable] == "1"
    hasTerminal = isSupervised ? environment[Self.terminalVariable] == "1" : standardErrorIsTerminal
  }

  /// The context of this process.
  package static let current = ScriptContext(
    environment: ProcessInfo.processInfo.environment, standardErrorIsTerminal: isatty(STDERR_FILENO) == 1)

  /// The variables that hand this context to another process.
  package var environment: [String: String] {
    var variables = [
      Self.supervisedVariable: isSupervised ? "1" : "0", Self.replVariable: isREPL ? "1" : "0",
      Self.terminalVariable: hasTerminal ? "1" : "0",
    ]
    variables[Self.packageVariable] = package
    return variables
  }
}
