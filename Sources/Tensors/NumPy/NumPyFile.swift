import Foundation

/// What is wrong with a NumPy file.
public enum NumPyError: Error, Equatable, CustomStringConvertible {
  case file(path: String, reason: String)
  case malformed(path: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .file(let path, let reason): "\(path): \(reason)"
    case .malformed(let path, let expected, let found): "\(path): expected \(expected), found \(found)"
    }
  }
}

/// Arrays as NumPy writes them: `.npy`, format versions 1 to 3.
public enum NumPyFile {
  /// Reads an array; one in Fortran order is put into row-major order.
  /// - Throws: ``NumPyError``.
  public static func read(_ path: String) throws -> StoredTensor {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw NumPyError.file(path: path, reason: "expected a .npy file, found none that can be read")
    }
    return try read([UInt8](data), path: path)
  }

  /// Writes an array of float32, version 1, whole or not at all.
  /// - Throws: ``NumPyError``.
  public static func write(_ tensor: Tensor, to path: String) throws {
    let sides = tensor.shape.map { "\($0)," }.joined(separator: " ")
    let shape = tensor.rank == 1 ? sides : String(sides.dropLast(tensor.rank > 1 ? 1 : 0))
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(shape)), }"
    // The numbers begin on a multiple of 64 bytes, after a line's end.
    header += String(repeating: " ", count: 63 - (header.utf8.count + 10) % 64) + "\n"
    var bytes = magic + [1, 0, UInt8(header.utf8.count & 0xff), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
    tensor.withUnsafeBuffer { bytes += UnsafeRawBufferPointer($0) }
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw NumPyError.file(path: path, reason: "cannot be written: \(error.localizedDescription)")
    }
  }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  private static let types: [String: ElementType] = [
    "<f8": .float64, "<f4": .float32, "<f2": .float16, "<i8": .int64, "<i4": .int32, "<i2": .int16, "|i1": .int8,
    "|u1": .uint8, "|b1": .bool,
  ]

  package static func read(_ bytes: [UInt8], path: String) throws -> StoredTensor {
    func malformed(_ expected: String, _ found: String) -> NumPyError {
      .malformed(path: path, expected: expected, found: found)
    }
    guard bytes.starts(with: magic), bytes.count >= 12 else { throw malformed("NumPy's magic number", "other bytes") }
    guard (1...3).contains(bytes[6]) else { throw malformed("format version 1 to 3", "\(bytes[6])") }
    let long = bytes[6] > 1
    let length = bytes[8..<(long ? 12 : 10)].reversed().reduce(0) { $0 << 8 | Int($1) }
    let start = long ? 12 : 10
    guard length <= 65536, start + length <= bytes.count,
      let header = String(validating: bytes[start..<start + length], as: UTF8.self)
    else { throw malformed("a header of at most 65536 bytes", "\(length) in a file of \(bytes.count)") }
    guard let description = header.firstMatch(of: /'descr': *'([^']*)'/),
      let order = header.firstMatch(of: /'fortran_order': *(True|False)/),
      let shapeText = header.firstMatch(of: /'shape': *\(([0-9, ]*)\)/)
    else { throw malformed("a header with descr, fortran_order and shape", "'\(header.prefix(80))'") }
    guard let type = types[String(description.1)] else {
      throw malformed("one of the types \(types.keys.sorted().joined(separator: ", "))", "'\(description.1)'")
    }
    var shape: [Int] = []
    var size = type.size
    for text in shapeText.1.split(whereSeparator: { $0 == "," || $0 == " " }) {
      guard let side = Int(text), !size.multipliedReportingOverflow(by: side).overflow else {
        throw malformed("a shape that fits memory", "(\(shapeText.1))")
      }
      shape.append(side)
      size *= side
    }
    guard shape.count <= 32, size == bytes.count - start - length else {
      throw malformed("\(size) bytes of numbers for shape \(shape)", "\(bytes.count - start - length)")
    }
    let data = Array(bytes[(start + length)...])
    guard order.1 == "True", shape.count > 1 else { return StoredTensor(shape: shape, elementType: type, data: data) }
    return StoredTensor(shape: shape, elementType: type, data: rowMajor(data, shape, type.size))
  }

  /// Bytes of a column-major array in row-major order.
  private static func rowMajor(_ data: [UInt8], _ shape: [Int], _ size: Int) -> [UInt8] {
    let strides = Array(rowMajorStrides(shape.reversed()).reversed())
    return (0..<elementCount(shape)).flatMap { place in
      let offset = zip(unravelled(place, shape), strides).reduce(0) { $0 + $1.0 * $1.1 } * size
      return data[offset..<offset + size]
    }
  }
}
