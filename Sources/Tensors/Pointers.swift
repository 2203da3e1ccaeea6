/// An owner of memory. Its pointer is valid only while the owner lives.
protocol PointerSource {
  associatedtype Pointer
  /// The memory, to be used only inside ``withPointers(_:body:)``, which keeps the owner alive.
  var pointer: Pointer { get }
}

/// Calls `body` with the pointer of each source, and keeps all sources alive until it returns.
///
/// Without this, the optimiser may release a tensor after the last line that names it, while its memory is still being
/// read. The pointer of nil is nil.
@inline(__always)
func withPointers<each Source: PointerSource, Result>(
  _ sources: repeat each Source, body: (repeat (each Source).Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((repeat each sources)) {} }
  return try body(repeat (each sources).pointer)
}

extension Tensor: PointerSource {
  var pointer: UnsafePointer<Float> { UnsafePointer(storage.base) }
}

extension Optional: PointerSource where Wrapped: PointerSource {
  var pointer: Wrapped.Pointer? { self?.pointer }
}

/// Memory that an operation writes to: scratch space, or a result that is not yet a tensor.
extension Storage: PointerSource {
  var pointer: UnsafeMutablePointer<Float> { base }
}

extension StoredTensor: PointerSource {
  var pointer: UnsafeRawBufferPointer { bytes }
}
