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
  /// - Returns: what keeps watching; let go of it to stop.
  public func atSignals() -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [self] in
        if isCancelled {
          signal(number, SIG_DFL)
          raise(number)
        }
        cancel()
      }
      source.resume()
      return source
    }
  }
}
