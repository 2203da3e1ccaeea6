import ArgumentParser
import Scripting

/// `msdiffusion repl`: the Swift REPL with the library loaded.
struct ReplCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repl",
    abstract: "Start the Swift REPL with the library loaded.",
    usage: "Scripts/repl",
    discussion: "In the REPL, 'import MSDiffusionKit' is the only import needed; ':quit' or Ctrl-D ends it.")

  func run() throws {
    let command = try ScriptPackage.current().replCommand()
    try become("lldb", command.arguments, environment: command.environment)
  }
}
