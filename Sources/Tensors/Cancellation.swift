import Foundation
import Synchronization

/// Asks long work to stop after its step: a training then writes a checkpoint, a generation decodes what it has.
public final class Cancellation: Sendable {
  /// What the running work heeds beside its task's own cancellation.
  @TaskLocal package static var current: Cancellation?

  /// Whether somebody has asked the running work to stop.
  package static var isAsked: Bool { Task.isCancelled || current?.isCancelled ?? false }

  private let asked = Atomic(false)
  private let watches = Atomic(false)

  public init() {}

  public func cancel() { asked.store(true, ordering: .relaxed) }

  public var isCancelled: Bool {
    asked.load(ordering: .relaxed)
      || (watches.load(ordering: .relaxed) && signalsReceived.load(ordering: .relaxed) > 0)
  }

  /// Cancels at Ctrl-C and at a polite end of the process; a second time they end it at once.
  /// - Returns: what keeps watching. Once it is let go of, signals do again what they did before.
  public func atSignals() -> SignalWatch {
    watches.store(true, ordering: .relaxed)
    return SignalWatch(self)
  }

  /// Keeps what a watch saw, and watches no more.
  fileprivate func endWatching() {
    if isCancelled { cancel() }
    watches.store(false, ordering: .relaxed)
  }
}

/// Signals of the process turned into a cancellation; one at a time.
public final class SignalWatch {
  private let cancellation: Cancellation
  private let before: [(number: Int32, handler: __sighandler_t?)]

  init(_ cancellation: Cancellation) {
    self.cancellation = cancellation
    signalsReceived.store(0, ordering: .relaxed)
    // A handler of our own rather than a dispatch source: the threads of dispatch take no signals, so that the second
    // one could not end the process there. The first one takes the handler away, so that a debugger sees that the next
    // one is its own to handle.
    before = [SIGINT, SIGTERM].map { number in
      let handler = signal(number) { _ in
        signalsReceived.add(1, ordering: .relaxed)
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
      }
      return (number, handler)
    }
  }

  deinit {
    cancellation.endWatching()
    for (number, handler) in before { signal(number, handler) }
  }
}

/// Signals since the watch began; all that their handler touches.
private let signalsReceived = Atomic(0)
