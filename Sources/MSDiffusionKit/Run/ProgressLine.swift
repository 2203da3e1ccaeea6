import Foundation
import Logging
import Scripting
import Synchronization

/// Shows the progress of long work with the time left: on a terminal as one line that changes; elsewhere as one line
/// every half minute and another line at the end.
public final class ProgressLine: Sendable {
  private struct State {
    /// The part of the work that was shown last, and the time at which it began.
    var part = ""
    var begun: ContinuousClock.Instant
    /// The time of the last call of `show`, and the time at which the last line was written.
    var lastShown: ContinuousClock.Instant
    var lastWritten: ContinuousClock.Instant?
    /// Whether the terminal's current line contains text.
    var isOpen = false
  }

  private let label: String
  private let start = ContinuousClock.now
  private let isTerminal: Bool
  private let interval: Duration
  private let write: @Sendable (String) -> Void
  private let state: Mutex<State>

  /// Moves the cursor to the beginning of the terminal's line and clears the line.
  private static let clearLine = "\r\u{1b}[K"

  /// - Parameter label: The work's name, at the beginning of the line.
  public convenience init(_ label: String) {
    let isTerminal = ScriptContext.current.hasTerminal
    self.init(label, isTerminal: isTerminal, interval: isTerminal ? .milliseconds(100) : .seconds(30)) {
      FileHandle.standardError.write(Data($0.utf8))
    }
  }

  /// - Parameter interval: The least time between two lines.
  package init(_ label: String, isTerminal: Bool, interval: Duration, write: @escaping @Sendable (String) -> Void) {
    (self.label, self.isTerminal, self.interval, self.write) = (label, isTerminal, interval, write)
    state = Mutex(State(begun: start, lastShown: start, lastWritten: isTerminal ? nil : start))
  }

  /// Shows how many pieces of a part of the work are done.
  /// - Parameters:
  ///   - part: The part's name; a new name begins a new part.
  ///   - done: Number of pieces that are done.
  ///   - total: Number of all pieces of the part.
  ///   - note: Text after these two numbers.
  ///   - secondsLeft: Time left; nil: it is estimated from the time that the part has taken so far.
  public func show(_ part: String, _ done: Int, of total: Int, note: String = "", secondsLeft: Double? = nil) {
    let now = ContinuousClock.now
    state.withLock { state in
      if part != state.part { (state.part, state.begun) = (part, state.lastShown) }
      state.lastShown = now
      guard state.lastWritten.map({ now - $0 >= interval }) ?? true else { return }
      state.lastWritten = now
      let spent = Self.seconds(now - state.begun)
      let left = secondsLeft ?? (done > 0 ? spent / Double(done) * Double(total - done) : nil)
      let line = Self.line([label, part], done: done, total: total, note: note, secondsLeft: left)
      write(isTerminal ? Self.clearLine + line : line + "\n")
      state.isOpen = isTerminal
    }
  }

  /// On a terminal, clears the line; elsewhere, prints how long everything took.
  public func finish() {
    state.withLock { state in
      if isTerminal {
        if state.isOpen { write(Self.clearLine) }
      } else {
        write("\(label): \(Self.time(Self.seconds(ContinuousClock.now - start)))\n")
      }
      state.isOpen = false
    }
  }

  /// Prints a warning; the work continues.
  public func warn(_ text: String) {
    state.withLock { state in
      if state.isOpen { write(Self.clearLine) }
      state.isOpen = false
      Logger(label: "msdiffusion") { StreamLogHandler.standardError(label: $0) }.warning("\(text)")
    }
  }

  /// One line: names, a bar, the count, the note and the time left.
  package static func line(
    _ names: [String], done: Int, total: Int, note: String = "", secondsLeft: Double? = nil
  ) -> String {
    let fraction = total > 0 ? Double(done) / Double(total) : 0
    let filled = Int((fraction * 24).rounded())
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 24 - filled)
    let left = done < total ? secondsLeft.map { "\(time($0)) left" } : nil
    let counted = names.filter { !$0.isEmpty }.joined(separator: ": ") + " \(bar) \(done)/\(total)"
    return ([counted, note] + [left].compactMap { $0 }).filter { !$0.isEmpty }.joined(separator: ", ")
  }

  /// A duration in readable form: 0.4 s, 12 s, 3 min 5 s.
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

extension ProgressLine {
  /// Shows the progress of a generation.
  public func show(_ progress: GenerationProgress) {
    switch progress {
    case .encoding: show("encoding", 0, of: 1)
    case .denoising(let step, let steps): show("denoising", step, of: steps)
    case .decoding(let sample, let samples): show("decoding", sample, of: samples)
    }
  }

  /// Shows the progress of a training run, with its loss and speed.
  package func show(_ progress: TrainingProgress) {
    let loss = String(format: "loss %.4f, %.1f samples/s", progress.loss, progress.samplesPerSecond)
    show("", progress.step, of: progress.steps, note: loss, secondsLeft: progress.secondsLeft)
  }

  /// Shows the progress of a measurement.
  package func show(_ progress: EvaluationProgress) {
    show(progress.name, progress.done, of: progress.total, secondsLeft: progress.secondsLeft)
  }
}
