import ArgumentParser
import Benchmarks
import Foundation
import MSDiffusionKit

/// `msdiffusion bench`: times the package's main loops, side by side with PyTorch on request.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Time steps, encoders and kernels, side by side with PyTorch on request.",
    usage: "Scripts/bench [CASE …] [--peer PYTHON] [--checkpoint DIR]",
    discussion: "Cases:\n"
      + BenchmarkCase.allCases.map { "  \($0.rawValue): \($0.summary)\($0.isFullSize ? " *" : "")" }
      .joined(separator: "\n") + "\n  * needs --checkpoint, a folder of SDXL's size such as Scripts/full-size writes")

  @Argument(
    help: ArgumentHelp(
      "The cases to time. (default: all; without --checkpoint, only those that do not need it)", valueName: "case")
  )
  var cases: [BenchmarkCase] = []

  @Option(help: "A Python with torch, diffusers and transformers, which is timed on the same work, in turn.")
  var peer: String?

  @Option(help: "A checkpoint of SDXL's size.")
  var checkpoint: String?

  @Option(help: "How often each case is timed, after one time that is not counted. (default: 5, or 15 for short ones)")
  var count: Int?

  @Option(help: "Also write machine and times to this JSON file.")
  var json: String?

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count is \(count), expected at least 1") }
    if checkpoint == nil, let full = cases.first(where: \.isFullSize) {
      throw ValidationError(
        "\(full.rawValue) needs --checkpoint, a folder of SDXL's size; Scripts/full-size DIR writes one")
    }
  }

  func run() throws {
    let chosen =
      cases.isEmpty ? BenchmarkCase.allCases.filter { checkpoint != nil || !$0.isFullSize } : cases
    print(Machine.current.description)
    let names = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"]
    let environment = ProcessInfo.processInfo.environment
    print(names.map { "\($0)=\(environment[$0] ?? "")" }.joined(separator: " "))
    print(CaseReport.table([CaseReport.header]))
    var reports: [CaseReport] = []
    for one in chosen {
      let folder = one.isFullSize ? checkpoint ?? "" : Bundled.model
      var ways = try one.ways(checkpoint: folder)
      var partner: Peer?
      if let peer, one.hasPeer {
        let script = (environment["MSDIFFUSION_PACKAGE"] ?? ".") + "/Scripts/bench_peer.py"
        let started = try Peer(python: peer, script: script, case: one, checkpoint: folder)
        ways.append(Benchmark.Way(timingItself: "PyTorch") { try started.time() })
        partner = started
      }
      let rounds = count ?? (one.isFullSize ? 5 : 15)
      let line = ProgressLine("bench")
      let timings = try Benchmark.time(ways, count: rounds) { line.show(one.rawValue, $0, of: rounds + 1) }
      line.finish()
      let report = CaseReport(one, timings, peer: partner?.description)
      print(CaseReport.table(report.rows))
      reports.append(report)
      try write(reports, environment: environment.filter { names.contains($0.key) })
    }
    print(String(format: "peak memory %.2f GiB", reports.last?.peakGiB ?? 0))
  }

  /// Writes machine and times so far to the file that `--json` names.
  private func write(_ reports: [CaseReport], environment: [String: String]) throws {
    struct Content: Encodable {
      let machine: Machine
      let environment: [String: String]
      let cases: [CaseReport]
    }
    guard let json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let content = Content(machine: .current, environment: environment, cases: reports)
    try encoder.encode(content).write(to: URL(fileURLWithPath: json), options: .atomic)
  }
}

extension BenchmarkCase: ExpressibleByArgument {}
