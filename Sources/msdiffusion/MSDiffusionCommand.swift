import ArgumentParser
import Foundation
import MSDiffusionKit
import Scripting

/// The program behind the scripts in `Scripts/`.
@main
struct MSDiffusionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "msdiffusion",
    abstract: "Layout-guided multi-subject diffusion: experiments, checks and a REPL.",
    subcommands: [
      TrainCommand.self,
      RunCommand.self, ReplCommand.self, ParityCommand.self, InspectCommand.self,
      RandomCheckpointCommand.self, GuidedStepsCommand.self, BenchCommand.self,
    ])

  static func main() {
    let words = Array(CommandLine.arguments.dropFirst())
    let called = words.first.flatMap { first in
      configuration.subcommands.first { $0.configuration.commandName == first }
    }
    // A script checks its own options.
    let options = called.map { command in
      OptionWords(
        command == RunCommand.self ? [] : [command],
        help: command.helpMessage(includeHidden: true))
    }
    do {
      try check(words, called)
      var command = try parseAsRoot(called == RunCommand.self ? words : options?.prepared(words) ?? words)
      try command.run()
    } catch {
      stop(error, called ?? Self.self, options)
    }
  }

  /// Throws if the first word is not a command, or if an option is where the name of an experiment is expected.
  private static func check(_ words: [String], _ called: (any ParsableCommand.Type)?) throws {
    guard let first = words.first, !["-h", "--help", "help", "--version"].contains(first) else { return }
    guard called != nil else {
      let known = configuration.subcommands.compactMap { $0.configuration.commandName }.joined(separator: ", ")
      throw ValidationError("expected a command, found '\(first)'; the commands are \(known)")
    }
    if called == RunCommand.self, words.count > 1, words[1].hasPrefix("-"), !["-h", "--help"].contains(words[1]) {
      throw ValidationError("expected the name of an experiment before its options, found '\(words[1])'")
    }
  }

  /// Ends the program. Help is printed on standard output. An error is printed as one line on standard error, with exit
  /// code 1; if the options are at fault, the usage follows.
  private static func stop(_ error: any Error, _ called: any ParsableCommand.Type, _ options: OptionWords?) -> Never {
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    if exitCode(for: error).isSuccess { exit(withError: error) }
    let usage =
      exitCode(for: error) == .validationFailure
      ? called.fullMessage(for: error).split(separator: "\n").filter { $0.hasPrefix("Usage: ") } : []
    let lines = ["error: \(options?.explained(message(for: error)) ?? message(for: error))"] + usage
    ChildProcess.standardError(Array((lines.joined(separator: "\n") + "\n").utf8)[...])
    Foundation.exit(1)
  }
}
