import CKernels
import Foundation

/// The number of threads that an operation may use.
package let threadCount = max(1, ProcessInfo.processInfo.activeProcessorCount)

/// Runs `body` over `0..<count`, divided into one contiguous range per thread; on the calling thread alone if there is
/// too little work to divide, if other work keeps the threads busy, or if the caller is itself a part of divided work.
///
/// - Parameters:
///   - count: Number of units of work.
///   - cost: Roughly how many values one unit touches. Below a total of 32,768, threads would cost more than they save.
func parallel(_ count: Int, cost: Int, _ body: (Range<Int>) -> Void) {
  let parts = msd_is_alone() != 0 ? 1 : min(threadCount, count, count * max(cost, 1) / 16384)
  guard parts > 1 else {
    if count > 0 { body(0..<count) }
    return
  }
  onPool(parts) { part in body(count * part / parts..<count * (part + 1) / parts) }
}

/// Calls `body` once for each of several parts, on as many threads as an operation may use; on the calling thread alone
/// if other work keeps the threads busy, or if the caller is itself a part of divided work. Which thread takes which
/// part is not determined. Operations within a part run on its thread alone.
package func onPool(_ parts: Int, _ body: (Int) -> Void) {
  withoutActuallyEscaping(body) { body in
    var shared = SharedBody(body: body)
    withUnsafeMutablePointer(to: &shared) { shared in
      msd_run(
        Int64(parts), Int32(threadCount),
        { context, part in context?.assumingMemoryBound(to: SharedBody.self).pointee.body(Int(part)) }, shared)
    }
  }
}

/// A closure that several threads call at the same time, each with its own part.
private struct SharedBody: @unchecked Sendable {
  let body: (Int) -> Void
}

/// Runs `body` with all of its operations on the calling thread, matrix products too.
///
/// For work that is already divided into one part per thread, such as a training step: its operations are too small to
/// gain much from threads of their own.
public func withoutThreads<Result>(_ body: () throws -> Result) rethrows -> Result {
  let outer = msd_is_alone()
  msd_set_alone(1)
  defer { msd_set_alone(outer) }
  return try body()
}
