import CGD
import Foundation

extension PixelImage {
  /// Reads a PNG, JPEG, GIF, WebP or BMP file, which ``init(decoding:name:orientation:)`` decodes.
  /// - Parameter orientation: Whether the image is turned as the camera's orientation tag says.
  /// - Throws: ``ImageError`` if the file cannot be read, or as ``init(decoding:name:orientation:)``.
  public init(contentsOf path: String, orientation: ImageOrientation = .shown) throws {
    try self.init(decoding: Self.bytes(ofFile: path), name: path, orientation: orientation)
  }

  /// The contents of a file, to be decoded and hashed.
  /// - Throws: ``ImageError/file(path:reason:)`` if the file cannot be read or is larger than 1 GiB.
  package static func bytes(ofFile path: String) throws -> [UInt8] {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw ImageError.file(path: path, reason: "expected an image file, found none (\(systemMessage()))")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ImageError.file(path: path, reason: "expected an image file, found a folder or device")
    }
    guard status.st_size <= byteLimit else {
      throw ImageError.file(path: path, reason: "expected at most \(byteLimit) bytes, found \(status.st_size)")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ImageError.file(path: path, reason: "expected an image file, found one that cannot be read")
    }
    return [UInt8](data)
  }

  /// Writes a file, whole or not at all: PNG if the path ends in `.png`, JPEG if it ends in `.jpg` or `.jpeg`.
  /// - Parameter quality: Quality of a JPEG file; numbers outside 1…100 are clamped.
  /// - Throws: ``ImageError/file(path:reason:)`` for any other ending, or if the file cannot be written.
  public func write(_ path: String, quality: Int = 92) throws {
    switch (path as NSString).pathExtension.lowercased() {
    case "png": try writeWhole(pngBytes(), to: path)
    case "jpg", "jpeg": try writeWhole(jpegBytes(quality: quality), to: path)
    case let other: throw ImageError.file(path: path, reason: "expected the ending .png or .jpg, found '.\(other)'")
    }
  }

  /// The image as a PNG file's contents; empty if there is not enough memory.
  public func pngBytes() -> [UInt8] { encoded { gdImagePngPtrEx($0, $1, 6) } }

  /// The image as a JPEG file's contents; empty if a side exceeds libjpeg's limit of 65500 pixels, or if there is not
  /// enough memory.
  /// - Parameter quality: Numbers outside 1…100 are clamped.
  public func jpegBytes(quality: Int = 92) -> [UInt8] {
    guard max(width, height) <= 65500 else { return [] }
    return encoded { gdImageJpegPtr($0, $1, Int32(min(max(quality, 1), 100))) }
  }

  /// The image as a libgd image, which the caller must destroy; nil if there is not enough memory.
  package func gdImage() -> gdImagePtr? {
    guard let image = gdImageCreateTrueColor(Int32(width), Int32(height)) else { return nil }
    for y in 0..<height {
      guard let row = image.pointee.tpixels[y] else { continue }
      for x in 0..<width {
        let offset = 3 * (y * width + x)
        row[x] = Int32(pixels[offset]) << 16 | Int32(pixels[offset + 1]) << 8 | Int32(pixels[offset + 2])
      }
    }
    return image
  }

  private func encoded(_ encode: (gdImagePtr, UnsafeMutablePointer<Int32>?) -> UnsafeMutableRawPointer?) -> [UInt8] {
    GDMessages.collected {
      guard let image = gdImage() else { return [] }
      defer { gdImageDestroy(image) }
      return gdBytes { encode(image, $0) }
    }.result
  }
}

/// The bytes that a libgd function allocates and returns.
func gdBytes(_ make: (UnsafeMutablePointer<Int32>?) -> UnsafeMutableRawPointer?) -> [UInt8] {
  var size: Int32 = 0
  guard let memory = make(&size) else { return [] }
  defer { gdFree(memory) }
  return [UInt8](UnsafeRawBufferPointer(start: memory, count: Int(size)))
}

/// Writes a file whole or not at all: first under a temporary name in the same folder, then renamed.
/// - Throws: ``ImageError/file(path:reason:)``.
func writeWhole(_ bytes: [UInt8], to path: String) throws {
  guard !bytes.isEmpty else { throw ImageError.file(path: path, reason: "the image could not be encoded") }
  let folder = (path as NSString).deletingLastPathComponent
  let temporary = (folder as NSString).appendingPathComponent(".\(UUID().uuidString)")
  let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
  guard descriptor >= 0 else { throw ImageError.file(path: path, reason: "cannot be written: \(systemMessage())") }
  let isWritten = bytes.withUnsafeBytes { isWhole($0, writtenTo: descriptor) } && fsync(descriptor) == 0
  var message = isWritten ? nil : systemMessage()
  if close(descriptor) != 0 || (isWritten && rename(temporary, path) != 0) { message = message ?? systemMessage() }
  guard let message else { return }
  unlink(temporary)
  throw ImageError.file(path: path, reason: "cannot be written: \(message)")
}

private func isWhole(_ bytes: UnsafeRawBufferPointer, writtenTo descriptor: Int32) -> Bool {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { return false }
    rest = rest.dropFirst(count)
  }
  return true
}

/// The system's message for the call that failed last.
private func systemMessage() -> String { String(cString: strerror(errno)) }
