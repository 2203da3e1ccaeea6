import Foundation
import Logging
import Scripting

/// How far long work is, with the time left: a bar on a terminal, else a line every half minute and one at the end.
public final class ProgressBar: @unchecked Sendable {
  private let label: String
  private let start = ContinuousClock.now
  private let isTerminal: Bool
  private let write: @Sendable (String) -> Void
  private let lock = NSLock()
  private var width = 0
  /// Where there is no terminal: how long nothing is said, and when something was said last.
  private let interval: Duration
  private var spoken = ContinuousClock.now

  /// - Parameter label: What the work is called.
  public convenience init(_ label: String) {
    self.init(label, isTerminal: ScriptContext.current.hasTerminal) {
      FileHandle.standardError.write(Data($0.utf8))
    }
  }

  package init(
    _ label: String, isTerminal: Bool, interval: Duration = .seconds(30), write: @escaping @Sendable (String) -> Void
  ) {
    (self.label, self.isTerminal, self.interval, self.write) = (label, isTerminal, interval, write)
  }

  /// Shows how far a generation is.
  public func show(_ progress: GenerationProgress) {
    switch progress {
    case .encoding: show(0, of: 1, "reading")
    case .denoising(let step, let steps): show(step, of: steps, "denoising")
    case .decoding(let sample, let samples): show(sample, of: samples, "decoding")
    }
  }

  /// Shows how many parts are done.
  public func show(_ done: Int, of total: Int, _ what: String) {
    let now = ContinuousClock.now
    let line = Self.line(label, what, done: done, total: total, seconds: Self.seconds(now - start))
    lock.withLock {
      if isTerminal {
        write("\r" + line + String(repeating: " ", count: max(0, width - line.count)))
        width = line.count
      } else if now - spoken >= interval {
        write(line + "\n")
        spoken = now
      }
    }
  }

  /// Ends the bar.
  public func finish() {
    lock.withLock {
      if isTerminal {
        write("\r" + String(repeating: " ", count: width) + "\r")
      } else {
        write("\(label): \(Self.time(Self.seconds(ContinuousClock.now - start)))\n")
      }
      width = 0
    }
  }

  /// Says something that does not end the work.
  public func warn(_ text: String) {
    Logger(label: "msdiffusion") { StreamLogHandler.standardError(label: $0) }.warning("\(text)")
  }

  /// One line: what, a bar, how many, how long still.
  package static func line(_ label: String, _ what: String, done: Int, total: Int, seconds: Double) -> String {
    let share = total > 0 ? Double(done) / Double(total) : 0
    let filled = Int((share * 24).rounded())
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 24 - filled)
    let left = done > 0 && done < total ? ", \(time(seconds / Double(done) * Double(total - done))) left" : ""
    return "\(label): \(what) \(bar) \(done)/\(total)\(left)"
  }

  /// A duration for people: 0.4 s, 12 s, 3 min 5 s.
  package static func time(_ seconds: Double) -> String {
    if seconds < 10 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
