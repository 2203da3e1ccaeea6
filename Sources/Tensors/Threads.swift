import Foundation
import Synchronization

/// Runs `body` once for each number in `0..<count`, each on its own thread, and returns the results in that order.
///
/// Dispatch, in contrast, may run two calls on the same thread while its other threads are still starting.
package func onThreads<Result: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Result) -> [Result] {
  let results = Results<Result>()
  let finished = DispatchSemaphore(value: 0)
  for index in 1..<max(count, 1) {
    let thread = Thread {
      results.set(body(index), at: index)
      finished.signal()
    }
    // As large a stack as the main thread has.
    thread.stackSize = 8 << 20
    thread.start()
  }
  if count > 0 { results.set(body(0), at: 0) }
  for _ in 1..<max(count, 1) { finished.wait() }
  return results.inOrder
}

/// The results of the threads that have finished so far.
private final class Results<Result: Sendable>: Sendable {
  private let known = Mutex<[Int: Result]>([:])

  func set(_ result: Result, at index: Int) { known.withLock { $0[index] = result } }

  var inOrder: [Result] { known.withLock { known in known.keys.sorted().compactMap { known[$0] } } }
}
