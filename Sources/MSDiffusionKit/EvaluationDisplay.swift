import Foundation
import Scripting

/// How far a measurement is: one changing line on a terminal, else a line a minute and one at each measure's ends.
public final class EvaluationDisplay: @unchecked Sendable {
  private let isTerminal: Bool
  private let lock = NSLock()
  private var name = ""
  private var last = ContinuousClock.now

  public init() { isTerminal = ScriptContext.current.hasTerminal }

  public func show(_ progress: EvaluationProgress) {
    lock.withLock {
      let now = ContinuousClock.now
      let isEnd = progress.done == progress.total || progress.name != name
      guard isEnd || now - last > (isTerminal ? .milliseconds(200) : .seconds(60)) else { return }
      (name, last) = (progress.name, now)
      let left = progress.secondsLeft.map { $0 > 0 ? ", \(ProgressBar.time($0)) left" : "" } ?? ""
      let line = "\(progress.name): \(progress.done)/\(progress.total)\(left)"
      let ending = progress.done == progress.total ? "\n" : ""
      FileHandle.standardError.write(Data((isTerminal ? "\r\u{1b}[K" + line + ending : line + "\n").utf8))
    }
  }
}
