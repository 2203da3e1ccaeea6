import Dispatch
import Foundation
import Synchronization

/// Asks a training to stop: it finishes its step, writes a checkpoint and returns.
public final class TrainingCancellation: Sendable {
  private let asked = Atomic(false)

  public init() {}

  public func cancel() { asked.store(true, ordering: .relaxed) }

  public var isCancelled: Bool { asked.load(ordering: .relaxed) }

  /// Cancels at Ctrl-C and at a polite end of the process; a second time they end it at once.
  /// - Returns: what keeps watching. Once it is let go of, signals do again what they did before.
  public func atSignals() -> SignalWatch { SignalWatch(self) }
}

/// Signals of the process turned into a cancellation.
public final class SignalWatch {
  private let watched: [(number: Int32, before: __sighandler_t?, source: any DispatchSourceSignal)]

  init(_ cancellation: TrainingCancellation) {
    watched = [SIGINT, SIGTERM].map { number in
      let before = signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        if cancellation.isCancelled {
          signal(number, SIG_DFL)
          raise(number)
        }
        cancellation.cancel()
      }
      source.resume()
      return (number, before, source)
    }
  }

  deinit {
    for (number, before, source) in watched {
      source.cancel()
      signal(number, before)
    }
  }
}
