import Foundation
import Scripting

/// Loss, speed and time left of a training: one changing line on a terminal, else a line a minute.
public final class TrainingDisplay {
  private let label: String
  private let isTerminal = isatty(STDERR_FILENO) == 1 || ScriptContext.current.hasTerminal
  private var last = ContinuousClock.now - .seconds(3600)

  public init(_ label: String) { self.label = label }

  public func show(_ progress: TrainingProgress) {
    let now = ContinuousClock.now
    guard now - last > (isTerminal ? .milliseconds(200) : .seconds(60)) || progress.step == progress.steps else {
      return
    }
    last = now
    let line =
      "\(label): step \(progress.step)/\(progress.steps), loss \(String(format: "%.4f", progress.loss)), "
      + "\(String(format: "%.1f", progress.samplesPerSecond)) samples/s, \(ProgressBar.time(progress.secondsLeft)) left"
    FileHandle.standardError.write(Data((isTerminal ? "\r\u{1b}[K" + line : line + "\n").utf8))
  }

  public func finish() { if isTerminal { FileHandle.standardError.write(Data("\n".utf8)) } }
}
