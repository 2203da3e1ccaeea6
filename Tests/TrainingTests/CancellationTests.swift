import Foundation
import Testing
import Training

@Suite struct CancellationTests {
  /// The first signal cancels; afterwards it does what it did before.
  @Test func aSignalCancels() async throws {
    let before = signal(SIGTERM, SIG_IGN)
    defer { signal(SIGTERM, before) }
    let cancellation = TrainingCancellation()
    do {
      let watching = cancellation.atSignals()
      #expect(!cancellation.isCancelled)
      kill(getpid(), SIGTERM)
      for _ in 0..<500 where !cancellation.isCancelled { try await Task.sleep(for: .milliseconds(10)) }
      withExtendedLifetime(watching) {}
    }
    #expect(cancellation.isCancelled)
    // Ignored again, or the process would end here.
    kill(getpid(), SIGTERM)
  }
}
