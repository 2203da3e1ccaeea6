import CKernels
import Synchronization

/// The memory behind a tensor: float32 values one after another. It is either allocated for the
/// tensor, or belongs to an owner (such as a mapped file), which is kept alive and never written to.
final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int
  let owner: AnyObject?

  /// Allocates memory without initialising it.
  init(count: Int) {
    guard let memory = msd_allocate(Int64(count) * 4) else {
      fail("Tensor: the system has no memory for \(count) float32 values")
    }
    base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
    owner = nil
  }

  /// Allocates memory filled with zeros.
  convenience init(zeros count: Int) {
    self.init(count: count)
    base.update(repeating: 0, count: count)
  }

  /// Borrows read-only memory from an owner.
  init(borrowing pointer: UnsafePointer<Float>, count: Int, owner: AnyObject) {
    base = UnsafeMutablePointer(mutating: pointer)
    self.count = count
    self.owner = owner
  }

  deinit {
    if owner == nil { msd_release(base, Int64(count) * 4) }
  }

  /// Numbers derived from these, which stay valid as long as these do not change.
  private let derived = Mutex<[Derivation: Storage]>([:])

  /// What is derived from a tensor's numbers and kept with them.
  enum Derivation { case kernels, turnedKernels }

  /// Derived numbers. `make` computes them on the first request after a change; other threads wait until it is done.
  func derived(_ derivation: Derivation, _ make: () -> Storage) -> Storage {
    derived.withLock { known in
      if let found = known[derivation] { return found }
      let made = make()
      known[derivation] = made
      return made
    }
  }

  /// Must be called before these numbers are changed.
  func forgetDerived() { derived.withLock { if !$0.isEmpty { $0 = [:] } } }

  func copied() -> Storage {
    let copy = Storage(count: count)
    copy.base.update(from: base, count: count)
    return copy
  }
}
