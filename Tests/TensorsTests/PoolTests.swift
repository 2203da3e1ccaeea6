import CKernels
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct PoolTests {
  @Test func everyPartRunsOnce() {
    for parts in [0, 1, 2, 3, 100] {
      let counts = Mutex([Int](repeating: 0, count: parts))
      onPool(parts) { part in counts.withLock { $0[part] += 1 } }
      #expect(counts.withLock { $0 } == [Int](repeating: 1, count: parts))
    }
  }

  /// Callers that find the threads busy do their own work, and so does a part that is divided again.
  @Test func severalCallersAndPartsWithinPartsFinish() {
    let sums = onThreads(4) { caller in
      let sum = Mutex(0)
      for _ in 0..<200 {
        onPool(4) { part in onPool(3) { inner in sum.withLock { $0 += caller + 10 * part + 100 * inner } } }
      }
      return sum.withLock { $0 }
    }
    // Per round, 12 parts: 12 · caller + 10 · (0 + 1 + 2 + 3) · 3 + 100 · (0 + 1 + 2) · 4.
    #expect(sums == (0..<4).map { 200 * (12 * $0 + 180 + 1200) })
  }

  @Test func partsAreAloneAndTheCallerIsNotAfterwards() {
    let alone = Mutex<Set<Int32>>([])
    onPool(8) { _ in alone.withLock { _ = $0.insert(msd_is_alone()) } }
    #expect(alone.withLock { $0 } == [1] && msd_is_alone() == 0)
    withoutThreads {
      onPool(8) { _ in }
      #expect(msd_is_alone() == 1)
    }
  }

  @Test func attentionIsTheSameToTheBitOnOneThread() {
    var generator = RandomGenerator(seed: 5)
    let (query, key) = (generator.normal([2, 96, 64]), generator.normal([2, 77, 64]))
    func result() -> Tensor { attention(query: query, key: key, value: key, heads: 4) }
    #expect(result() == withoutThreads { result() })
  }
}
