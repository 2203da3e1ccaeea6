import Dispatch
import Foundation

/// How many threads share the work of one operation.
let threadCount = max(1, ProcessInfo.processInfo.activeProcessorCount)

/// Runs `body` over `0..<count` cut into one contiguous range a thread, or here where there is too little to share.
///
/// - Parameters:
///   - count: Number of units of work.
///   - cost: Rough number of values one unit touches; below some ten thousand in all, threads cost more than they save.
func parallel(_ count: Int, cost: Int, _ body: (Range<Int>) -> Void) {
  let parts = min(threadCount, count, count * max(cost, 1) / 16384)
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
