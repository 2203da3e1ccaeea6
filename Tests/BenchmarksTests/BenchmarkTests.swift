import Benchmarks
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
    let timing = try Benchmark.time([Benchmark.Way("loop") { for _ in 0..<3 { try #require(Bool(true)) } }], count: 1)[0]
    #expect(timing.seconds.count == 1)
    #expect(timing.median > 0)
  }

  @Test func mediansSpreadsAndRatios() {
    let (one, other) = (Timing(name: "one", seconds: [4, 1, 3, 2, 5]), Timing(name: "other", seconds: [2, 2, 2, 2, 2]))
    #expect(one.median == 3)
    #expect(one.spread == 2...4)
    #expect(one.ratio(to: other) == 1.5)
    #expect(Timing(name: "even", seconds: [1, 2]).median == 1.5)
  }
}
