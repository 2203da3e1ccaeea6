import ArgumentParser
import Foundation
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
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      stop(error)
    }
  }

  /// Ends the program. Help is printed on standard output. An error is printed as one line on standard error, with exit
  /// code 1; if the options are at fault, the usage follows.
  private static func stop(_ error: any Error) -> Never {
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    if exitCode(for: error).isSuccess { exit(withError: error) }
    let usage =
      exitCode(for: error) == .validationFailure
      ? fullMessage(for: error).split(separator: "\n").filter { $0.hasPrefix("Usage: ") } : []
    let lines = ["error: \(message(for: error))"] + usage
    ChildProcess.standardError(Array((lines.joined(separator: "\n") + "\n").utf8)[...])
    Foundation.exit(1)
  }
}
