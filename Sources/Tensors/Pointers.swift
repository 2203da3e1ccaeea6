/// Something whose memory is reached through a pointer that is valid only while the thing itself lives.
protocol PointerSource {
  associatedtype Pointer
  /// Where the memory lies; to be used inside ``withPointers(_:body:)`` only, which keeps it alive.
  var pointer: Pointer { get }
}

/// Calls `body` with where the memory of each source lies, and keeps all of them alive until it returns.
///
/// Without this the optimiser may release a tensor after the last line that names it, while its memory is still read.
/// A missing tensor gives a missing pointer.
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
