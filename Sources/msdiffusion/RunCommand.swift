import ArgumentParser
import Foundation
import Scripting

/// `msdiffusion run`: runs experiments in immediate mode, with the last build of the library.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run an experiment, a script of your own, or all experiments.",
    usage: "Scripts/run NAME|FILE|all [options]")

  @Argument(help: "The name of an experiment, the path of a script, or 'all'.")
  var name: String

  @Argument(parsing: .captureForPassthrough, help: "Options for the script.")
  var options: [String] = []

  func run() throws {
    let package = try ScriptPackage.current()
    if name == "all" { return try runAll(package) }
    let end = try launch(package.experiment(name), in: package)
    if end.exitCode != 0 { throw ExitCode(end.exitCode) }
  }

  private func runAll(_ package: ScriptPackage) throws {
    let experiments = package.experiments()
    var summary: [String] = []
    var failures = 0
    for experiment in experiments {
      print("\(experiment.name): \(experiment.question)")
      fflush(nil)
      let start = ContinuousClock.now
      let end = try launch(experiment, in: package)
      if end.wasInterrupted { throw ExitCode(end.exitCode) }
      if end.exitCode != 0 { failures += 1 }
      let seconds = Double((ContinuousClock.now - start).components.seconds)
      let time = seconds < 60 ? "\(Int(seconds)) s" : "\(Int(seconds / 60)) min \(Int(seconds) % 60) s"
      summary.append("\(end.exitCode == 0 ? "passed" : "FAILED")  \(experiment.name)  \(time)")
      print("")
    }
    print((summary + ["\(experiments.count - failures) passed, \(failures) failed"]).joined(separator: "\n"))
    if failures > 0 { throw ExitCode.failure }
  }

  private func launch(_ experiment: Experiment, in package: ScriptPackage) throws -> ProcessEnd {
    let hasTerminal = isatty(STDERR_FILENO) == 1
    var environment = ScriptContext(package: package.root, isSupervised: true, hasTerminal: hasTerminal).environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    let color = hasTerminal ? ["-color-diagnostics"] : []
    let flags = try package.compilerFlags()
    return try ChildProcess.run("swift", flags + color + [experiment.path] + options, environment: environment)
  }
}
