import CKernels

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

  func copied() -> Storage {
    let copy = Storage(count: count)
    copy.base.update(from: base, count: count)
    return copy
  }
}
