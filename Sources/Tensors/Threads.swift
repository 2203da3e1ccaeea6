import Foundation
import Synchronization

/// Runs a body once for each number below `count`, each on a thread of its own, and gives what it gave, in order.
///
/// Dispatch would hand both halves of a step to one thread where its own are slow to wake.
package func onThreads<Result: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Result) -> [Result] {
  let results = Results<Result>()
  let finished = DispatchSemaphore(value: 0)
  for index in 1..<max(count, 1) {
    let thread = Thread {
      results.set(body(index), at: index)
      finished.signal()
    }
    // As much as the main thread has.
    thread.stackSize = 8 << 20
    thread.start()
  }
  if count > 0 { results.set(body(0), at: 0) }
  for _ in 1..<max(count, 1) { finished.wait() }
  return results.inOrder
}

/// What threads have given so far.
private final class Results<Result: Sendable>: Sendable {
  private let known = Mutex<[Int: Result]>([:])

  func set(_ result: Result, at index: Int) { known.withLock { $0[index] = result } }

  var inOrder: [Result] { known.withLock { known in known.keys.sorted().compactMap { known[$0] } } }
}
