import ArgumentParser
import Parity

/// `msdiffusion parity`: compares this package's results with golden values.
struct ParityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parity",
    abstract: "Compare every component and whole generations with golden values.",
    usage: "Scripts/parity DIR",
    discussion: """
      DIR is laid out as Tests/Golden/README.md describes; parts of it may be missing. Each case prints a row with its \
      largest difference and the tolerance. The exit code is 1 if any case fails.
      """)

  @Argument(help: "The folder of golden values.")
  var folder: String

  @Flag(help: "Print only the cases that fail, and the summary.")
  var quiet = false

  func run() throws {
    let report = ParityReport { row in if !quiet || !row.passes { print(row) } }
    print(ParityRow.header)
    try ParityFolder(folder, report: report).run()
    for (part, count) in report.skipped.sorted(by: { $0.key < $1.key }) {
      print("skipped by name: \(part) (\(count) tensors or files)")
    }
    print("\(report.passed) passed, \(report.failed) failed")
    if report.failed > 0 { throw ExitCode.failure }
  }
}
