import Foundation

/// A file mapped into memory for reading: only the parts that are accessed are read.
package final class MappedFile: @unchecked Sendable {
  package let path: String
  package let bytes: UnsafeRawBufferPointer

  /// - Throws: ``CheckpointError/file(path:reason:)`` if the file cannot be opened, or is a folder, pipe or device.
  package init(_ path: String) throws {
    self.path = path
    // An ordinary `open` of a pipe would wait until another process opens it for writing.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CheckpointError.file(path: path, reason: "cannot be opened: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw CheckpointError.file(path: path, reason: "expected a regular file, found a folder, pipe or device")
    }
    let size = Int(status.st_size)
    if size == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
      throw CheckpointError.file(path: path, reason: "cannot be mapped: \(String(cString: strerror(errno)))")
    }
    bytes = UnsafeRawBufferPointer(start: memory, count: size)
  }

  /// Releases the memory that holds parts of the file. The parts are read again when they are needed.
  package func release() {
    if let base = bytes.baseAddress { madvise(UnsafeMutableRawPointer(mutating: base), bytes.count, MADV_DONTNEED) }
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian number at an offset; nil if it extends beyond the end.
  func number<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type) -> Value? {
    let size = MemoryLayout<Value>.size
    guard offset >= 0, offset <= count - size else { return nil }
    return Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  /// The `length` bytes from `start`; nil if they extend beyond the end.
  func part(_ start: Int, _ length: Int) -> UnsafeRawBufferPointer? {
    guard start >= 0, length >= 0, start <= count, length <= count - start else { return nil }
    return UnsafeRawBufferPointer(rebasing: self[start..<start + length])
  }
}
