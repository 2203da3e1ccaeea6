import MSDiffusionKit
import Synchronization
import Testing

@Suite struct ProgressTests {
  /// Collects everything that a progress line writes.
  private final class Written: Sendable {
    private let pieces = Mutex<[String]>([])
    var text: String { pieces.withLock { $0.joined() } }
    var count: Int { pieces.withLock { $0.count } }

    func line(isTerminal: Bool, interval: Duration) -> ProgressLine {
      ProgressLine("run", isTerminal: isTerminal, interval: interval) { piece in
        self.pieces.withLock { $0.append(piece) }
      }
    }
  }

  private func written(isTerminal: Bool, interval: Duration) -> Written {
    let written = Written()
    let line = written.line(isTerminal: isTerminal, interval: interval)
    for step in 1...3 { line.show(.denoising(step: step, of: 4)) }
    line.finish()
    return written
  }

  @Test func aLogGetsLinesAtIntervalsAndATerminalOneChangingLine() {
    let often = written(isTerminal: false, interval: .zero).text
    #expect(often.split(separator: "\n").count == 4)
    #expect(often.contains("3/4") && often.contains("left") && !often.contains("\r"))
    #expect(written(isTerminal: false, interval: .seconds(60)).text.split(separator: "\n").count == 1)
    let changing = written(isTerminal: true, interval: .zero)
    #expect(changing.count == 4 && !changing.text.contains("\n"))
    #expect(changing.text.hasSuffix("\r\u{1b}[K"))
    // The first state is shown at once. The others follow within the interval, so they are not shown.
    #expect(written(isTerminal: true, interval: .seconds(60)).count == 2)
  }

  @Test func trainingAndMeasuringUseTheSameLine() {
    let written = Written()
    let line = written.line(isTerminal: false, interval: .zero)
    line.show("", 5, of: 20, note: "loss 0.1250", secondsLeft: 90)
    line.show("attention, held out", 20, of: 20)
    let lines = written.text.split(separator: "\n")
    #expect(lines.first == "run ██████·················· 5/20, loss 0.1250, 1 min 30 s left")
    #expect(lines.last == "run: attention, held out ████████████████████████ 20/20")
  }

  @Test func manyThreadsWriteWholeLines() async {
    let written = Written()
    let line = written.line(isTerminal: false, interval: .zero)
    await withTaskGroup(of: Void.self) { group in
      for step in 1...200 { group.addTask { line.show("part", step, of: 200, secondsLeft: 1) } }
    }
    let lines = written.text.split(separator: "\n")
    #expect(lines.count == 200 && lines.allSatisfy { $0.hasPrefix("run: part ") })
    #expect(Set(lines).count == 200)
  }

  @Test func linesShowCountAndTime() {
    #expect(
      ProgressLine.line(["run", "denoising"], done: 6, total: 24, secondsLeft: 30)
        == "run: denoising ██████·················· 6/24, 30 s left")
    #expect(ProgressLine.line(["run", "encoding"], done: 0, total: 1) == "run: encoding ························ 0/1")
    #expect([0.44, 12.4, 185, 7400].map(ProgressLine.time) == ["0.4 s", "12 s", "3 min 5 s", "2 h 3 min"])
  }
}
