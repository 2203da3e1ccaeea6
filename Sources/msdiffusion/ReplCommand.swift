import ArgumentParser
import Scripting

/// `msdiffusion repl`: the Swift REPL with the library loaded.
struct ReplCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repl",
    abstract: "Start the Swift REPL with the library loaded.",
    usage: "Scripts/repl",
    discussion: "There, 'import MSDiffusionKit' is the only import needed; ':quit' or Ctrl-D leaves.")

  func run() throws {
    let command = try ScriptPackage.current().replCommand()
    try become("lldb", command.arguments, environment: command.environment)
  }
}
