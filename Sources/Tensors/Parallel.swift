import CKernels
import COpenBLAS
import Dispatch
import Foundation

/// How many threads share work.
package let threadCount = max(1, ProcessInfo.processInfo.activeProcessorCount)

/// Runs `body` over `0..<count` cut into one contiguous range a thread, or here where there is too little to share.
///
/// - Parameters:
///   - count: Number of units of work.
///   - cost: Rough number of values one unit touches; below some ten thousand in all, threads cost more than they save.
func parallel(_ count: Int, cost: Int, _ body: (Range<Int>) -> Void) {
  let parts = msd_is_alone() != 0 ? 1 : min(threadCount, count, count * max(cost, 1) / 16384)
  guard parts > 1 else {
    if count > 0 { body(0..<count) }
    return
  }
  withoutActuallyEscaping(body) { body in
    let shared = SharedBody(body: body)
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      shared.body(count * part / parts..<count * (part + 1) / parts)
    }
  }
}

/// A closure that several threads call at once, each on a range of its own.
private struct SharedBody: @unchecked Sendable {
  let body: (Range<Int>) -> Void
}

/// Runs `body` with every operation in it staying on the calling thread, matrix products too.
///
/// For work that is itself cut into one part a thread, as a training step is: small operations gain little from threads.
public func withoutThreads<Result>(_ body: () throws -> Result) rethrows -> Result {
  let outer = msd_is_alone()
  msd_set_alone(1)
  SingleThreadedProducts.enter()
  defer {
    SingleThreadedProducts.leave()
    msd_set_alone(outer)
  }
  return try body()
}

/// OpenBLAS has one number of threads for the whole process: it is one while anybody works alone.
private enum SingleThreadedProducts {
  private struct State {
    var users = 0
    var threads: Int32 = 1
  }
  private static let lock = NSLock()
  nonisolated(unsafe) private static var state = State()

  static func enter() {
    lock.withLock {
      if state.users == 0 {
        state.threads = openblas_get_num_threads()
        openblas_set_num_threads(1)
      }
      state.users += 1
    }
  }

  static func leave() {
    lock.withLock {
      state.users -= 1
      if state.users == 0 { openblas_set_num_threads(state.threads) }
    }
  }
}
