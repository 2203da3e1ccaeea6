import MSDiffusionKit
import Synchronization
import Testing

@Suite struct ProgressTests {
  @Test func logsGetALineNowAndThenAndTerminalsABar() {
    func written(isTerminal: Bool, interval: Duration) -> String {
      let text = Mutex("")
      let bar = ProgressBar("run", isTerminal: isTerminal, interval: interval) { piece in
        text.withLock { $0 += piece }
      }
      for step in 1...3 { bar.show(.denoising(step: step, of: 4)) }
      bar.finish()
      return text.withLock { $0 }
    }
    let often = written(isTerminal: false, interval: .zero)
    #expect(often.split(separator: "\n").count == 4)
    #expect(often.contains("3/4") && often.contains("left") && !often.contains("\r"))
    #expect(written(isTerminal: false, interval: .seconds(60)).split(separator: "\n").count == 1)
    #expect(written(isTerminal: true, interval: .seconds(60)).split(separator: "\r").count == 4)
  }

  @Test func linesTellHowManyAndHowLong() {
    #expect(
      ProgressBar.line("run", "denoising", done: 6, total: 24, seconds: 10)
        == "run: denoising ██████·················· 6/24, 30 s left")
    #expect(
      ProgressBar.line("run", "reading", done: 0, total: 1, seconds: 0) == "run: reading ························ 0/1")
    #expect([0.44, 12.4, 185, 7400].map(ProgressBar.time) == ["0.4 s", "12 s", "3 min 5 s", "2 h 3 min"])
  }
}
