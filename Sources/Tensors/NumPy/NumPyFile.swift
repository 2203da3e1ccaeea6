/// Reads and writes arrays in NumPy's file formats: `.npy` holds one, `.npz` several by name.
public enum NumPyFile {
  /// Reads an npy file of version 1 to 3 in row-major (C) or column-major (Fortran) order. Numbers are little-endian
  /// floats of 2, 4 or 8 bytes, integers of 1, 2, 4 or 8, unsigned bytes or booleans. They keep their type and are
  /// brought into row-major order.
  ///
  /// The size that a header announces is compared with the file's size before memory is allocated.
  /// - Throws: ``NumPyError``.
  public static func read(_ path: String) throws -> StoredTensor {
    let file = try FileReader(path)
    return try read(file, 0..<file.size, entry: "")
  }

  /// Writes a tensor as float32 in row-major order. If writing fails, no file is left behind.
  /// - Throws: ``NumPyError/file(path:reason:)``.
  public static func write(_ tensor: Tensor, to path: String) throws {
    try AtomicFile.write(path) { put in
      try NumPyHeader.bytes(shape: tensor.shape).withUnsafeBytes(put)
      try tensor.withUnsafeBuffer { try put(UnsafeRawBufferPointer($0)) }
    }
  }

  /// Reads an npy file stored in a range of another file.
  /// - Parameters:
  ///   - entry: The name of the range in messages, with a space at the end; empty for a whole file.
  ///   - checksum: The checksum of the whole range, if one is known.
  static func read(_ file: FileReader, _ range: Range<Int>, entry: String, checksum: UInt32? = nil) throws
    -> StoredTensor
  {
    let beginning = try file.read(range.prefix(NumPyHeader.lengthLimit))
    let header = try NumPyHeader(
      UnsafeRawBufferPointer(beginning.bytes), total: range.count, path: file.path, entry: entry)
    let content = try file.read(range)
    if let checksum, CRC32.of([UnsafeRawBufferPointer(content.bytes)]) != checksum {
      throw NumPyError.malformed(
        path: file.path, part: entry + "contents", expected: "bytes with the stored checksum",
        found: "bytes with a different one")
    }
    let numbers = UnsafeRawBufferPointer(rebasing: content.bytes[header.length...])
    guard header.isFortranOrder, header.shape.count > 1 else {
      return StoredTensor(shape: header.shape, elementType: header.elementType, bytes: numbers, owner: content)
    }
    let reordered = ByteStorage(count: numbers.count)
    switch header.elementType.size {
    case 1: reorder(numbers, into: reordered.bytes, header.shape, as: UInt8.self)
    case 2: reorder(numbers, into: reordered.bytes, header.shape, as: UInt16.self)
    case 4: reorder(numbers, into: reordered.bytes, header.shape, as: UInt32.self)
    default: reorder(numbers, into: reordered.bytes, header.shape, as: UInt64.self)
    }
    return StoredTensor(
      shape: header.shape, elementType: header.elementType, bytes: UnsafeRawBufferPointer(reordered.bytes),
      owner: reordered)
  }

  /// Copies from column-major to row-major order, so that neighbours along the last axis are adjacent.
  private static func reorder<Word: BitwiseCopyable>(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ shape: [Int], as _: Word.Type
  ) {
    let (size, count) = (MemoryLayout<Word>.size, shape.reduce(1, *))
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropFirst() { strides[axis] = strides[axis - 1] * shape[axis - 1] }
    var index = [Int](repeating: 0, count: shape.count)
    var offset = 0
    for position in 0..<count {
      let word = source.loadUnaligned(fromByteOffset: offset * size, as: Word.self)
      target.storeBytes(of: word, toByteOffset: position * size, as: Word.self)
      for axis in shape.indices.reversed() {
        index[axis] += 1
        offset += strides[axis]
        if index[axis] < shape[axis] { break }
        offset -= strides[axis] * shape[axis]
        index[axis] = 0
      }
    }
  }
}
