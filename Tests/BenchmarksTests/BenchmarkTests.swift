import Benchmarks
import MSDiffusionKit
import TestSupport
import Testing

@Suite struct BenchmarkTests {
  @Test func waysAreTimedInTurnAndTheFirstRoundIsNotCounted() throws {
    var order: [String] = []
    let ways = ["a", "b"].map { name in
      Benchmark.Way(timingItself: name) {
        order.append(name)
        return Double(order.count)
      }
    }
    let timings = try Benchmark.time(ways, count: 2)
    #expect(order == ["a", "b", "a", "b", "a", "b"])
    #expect(timings == [Timing(name: "a", seconds: [3, 5]), Timing(name: "b", seconds: [4, 6])])
  }

  @Test func wholeWorkIsTimedIfItDoesNotTimeItself() throws {
    let timing = try Benchmark.time([Benchmark.Way("loop") { for _ in 0..<3 { try #require(Bool(true)) } }], count: 1)[
      0]
    #expect(timing.seconds.count == 1)
    #expect(timing.median > 0)
  }

  @Test func mediansSpreadsAndRatios() {
    let (one, other) = (
      Timing(name: "one", seconds: [4, 1, 3, 2, 5]), Timing(name: "other", seconds: [2, 2, 2, 2, 2])
    )
    #expect(one.median == 3)
    #expect(one.spread == 2...4)
    #expect(one.ratio(to: other) == 1.5)
    #expect(Timing(name: "even", seconds: [1, 2]).median == 1.5)
  }

  /// A stand-in for the process that runs PyTorch: it answers every line with the next number.
  @Test func aPeerRunsOncePerLine() throws {
    let folder = try TemporaryFolder()
    let script = try folder.write(
      Array("echo \"$1 of $2\"; read line; echo 0.25; read line; echo 0.5; read line; echo oops\n".utf8), as: "peer.sh")
    let peer = try Peer(python: "sh", script: script, case: .attention, checkpoint: "folder")
    #expect(peer.description == "attention of folder")
    #expect(try peer.time() == 0.25)
    #expect(try peer.time() == 0.5)
    #expect(throws: PeerError.self) { try peer.time() }
    #expect(throws: PeerError.self) { try peer.time() }
  }

  @Test(arguments: [BenchmarkCase.convolution, .smallStep])
  func aCaseRuns(benchmark: BenchmarkCase) throws {
    let timings = try Benchmark.time(benchmark.ways(checkpoint: Bundled.model), count: 1)
    #expect(timings.count == 1 && timings[0].median > 0)
    let report = CaseReport(benchmark, timings, peer: nil)
    #expect(report.rows[0][0] == benchmark.rawValue && report.peakGiB > 0)
    #expect(CaseReport.table([CaseReport.header] + report.rows).split(separator: "\n").count == 2)
  }
}
