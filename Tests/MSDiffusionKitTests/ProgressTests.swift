import MSDiffusionKit
import Testing

@Suite struct ProgressTests {
  @Test func linesTellHowManyAndHowLong() {
    #expect(
      ProgressBar.line("run", "denoising", done: 6, total: 24, seconds: 10)
        == "run: denoising ██████·················· 6/24, 30 s left")
    #expect(
      ProgressBar.line("run", "reading", done: 0, total: 1, seconds: 0) == "run: reading ························ 0/1")
    #expect([0.44, 12.4, 185, 7400].map(ProgressBar.time) == ["0.4 s", "12 s", "3 min 5 s", "2 h 3 min"])
  }
}
