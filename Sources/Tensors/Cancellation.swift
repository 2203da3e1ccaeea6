import Foundation
import Synchronization

/// Asks long work to stop after its current step: training then writes a checkpoint, and a generation decodes the
/// latents it has reached.
public final class Cancellation: Sendable {
  /// The cancellation that running work checks, in addition to that of its task.
  @TaskLocal package static var current: Cancellation?

  /// Whether the running work should stop.
  package static var isRequested: Bool { Task.isCancelled || current?.isCancelled ?? false }

  private let requested = Atomic(false)
  private let handlesSignals = Atomic(false)

  public init() {}

  public func cancel() { requested.store(true, ordering: .relaxed) }

  public var isCancelled: Bool {
    requested.load(ordering: .relaxed)
      || (handlesSignals.load(ordering: .relaxed) && signalsReceived.load(ordering: .relaxed) > 0)
  }

  /// Cancels on SIGINT (Ctrl-C) and SIGTERM; a second signal ends the process at once.
  /// - Returns: The signal handler. When it is released, signals have their previous effect again.
  public func atSignals() -> SignalWatch {
    handlesSignals.store(true, ordering: .relaxed)
    return SignalWatch(self)
  }

  /// Ignores further signals; a cancellation by an earlier one remains.
  fileprivate func stopHandlingSignals() {
    if isCancelled { cancel() }
    handlesSignals.store(false, ordering: .relaxed)
  }
}

/// Cancels on SIGINT and SIGTERM as long as it exists. Only one may exist at a time.
public final class SignalWatch {
  private let cancellation: Cancellation
  private let previous: [(number: Int32, handler: __sighandler_t?)]

  init(_ cancellation: Cancellation) {
    self.cancellation = cancellation
    signalsReceived.store(0, ordering: .relaxed)
    // A signal handler rather than a dispatch source: dispatch's threads block signals, so that a second signal could
    // not end the process there. The first signal removes the handler, so that a debugger handles the next one.
    previous = [SIGINT, SIGTERM].map { number in
      let handler = signal(number) { _ in
        signalsReceived.add(1, ordering: .relaxed)
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
      }
      return (number, handler)
    }
  }

  deinit {
    cancellation.stopHandlingSignals()
    for (number, handler) in previous { signal(number, handler) }
  }
}

/// Number of signals since the handler was installed. The handler changes no other memory.
private let signalsReceived = Atomic(0)
