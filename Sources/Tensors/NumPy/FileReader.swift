import Foundation

/// A regular file that is read in parts. A part beyond its end is refused before memory is allocated for it.
final class FileReader {
  let path: String
  /// Bytes in the file when it was opened.
  let size: Int
  private let descriptor: Int32

  /// - Throws: ``NumPyError/file(path:reason:)``.
  init(_ path: String) throws {
    // Without O_NONBLOCK, opening a pipe would wait until something writes into it.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw NumPyError.file(path: path, reason: "cannot be opened: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw NumPyError.file(path: path, reason: "expected a regular file, found a different kind of file")
    }
    (self.path, size, self.descriptor) = (path, Int(status.st_size), descriptor)
  }

  deinit { close(descriptor) }

  /// The bytes of a range of the file.
  /// - Throws: ``NumPyError`` if the range extends beyond the end or the file cannot be read.
  func read(_ range: Range<Int>) throws -> ByteStorage {
    guard range.lowerBound >= 0, range.upperBound <= size else {
      throw NumPyError.malformed(
        path: path, part: "bytes \(range.lowerBound)..<\(range.upperBound)", expected: "bytes within the file",
        found: "a file of \(size) bytes")
    }
    let storage = ByteStorage(count: range.count)
    var done = 0
    while done < range.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: storage.bytes[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(range.lowerBound + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let reason = count < 0 ? String(cString: strerror(errno)) : "it became shorter while it was read"
        throw NumPyError.file(path: path, reason: "cannot be read: \(reason)")
      }
      done += count
    }
    return storage
  }
}

extension UnsafeRawBufferPointer {
  /// A little-endian number at an offset; nil beyond the end.
  func number<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type) -> Value? {
    let size = MemoryLayout<Value>.size
    guard offset >= 0, offset <= count - size else { return nil }
    return Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}
