/// The memory behind a tensor: float32 values one after another. It is either the tensor's own, or
/// belongs to an owner (such as a mapped file), which is kept alive and never written to.
final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int
  let owner: AnyObject?

  /// Memory of its own, not yet initialised.
  init(count: Int) {
    // 64 bytes is a cache line, and the width of the widest vector registers.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
    owner = nil
  }

  /// Memory of its own, all zeros.
  convenience init(zeros count: Int) {
    self.init(count: count)
    base.update(repeating: 0, count: count)
  }

  /// Read-only memory of an owner.
  init(borrowing pointer: UnsafePointer<Float>, count: Int, owner: AnyObject) {
    base = UnsafeMutablePointer(mutating: pointer)
    self.count = count
    self.owner = owner
  }

  deinit {
    if owner == nil { base.deallocate() }
  }

  func copied() -> Storage {
    let copy = Storage(count: count)
    copy.base.update(from: base, count: count)
    return copy
  }
}
