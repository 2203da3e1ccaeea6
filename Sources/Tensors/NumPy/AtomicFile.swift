import Foundation

/// Writes a file that appears under its name only when it is complete; if writing fails, no file is left behind.
enum AtomicFile {
  /// - Parameters:
  ///   - path: Name of the file; an existing file is replaced.
  ///   - body: Passes the contents, piece by piece, to the function that it receives.
  /// - Throws: ``NumPyError/file(path:reason:)``; what `body` throws.
  static func write(_ path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
    func broken() -> NumPyError {
      .file(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
    }
    let temporary = path + ".\(UUID().uuidString).part"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw broken() }
    var isOpen = true
    do {
      try body { piece in
        var rest = piece[...]
        while !rest.isEmpty {
          let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw broken() }
          rest = rest.dropFirst(count)
        }
      }
      guard fsync(descriptor) == 0 else { throw broken() }
      isOpen = false
      guard close(descriptor) == 0, rename(temporary, path) == 0 else { throw broken() }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
  }
}
