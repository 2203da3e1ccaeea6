/// The header of an npy file: magic bytes, a version, a length, and a Python dictionary of that length, which describes
/// the numbers (`numpy.lib.format`, versions 1 to 3).
struct NumPyHeader {
  let elementType: ElementType
  let shape: [Int]
  /// Whether the numbers are in column-major order: neighbours along the first axis are adjacent.
  let isFortranOrder: Bool
  /// Bytes before the numbers.
  let length: Int
  /// Bytes of the numbers.
  let byteCount: Int

  /// Longest dictionary that is read, in bytes; those that NumPy writes take a few hundred at most.
  static let dictionaryLimit = 1 << 16
  /// The most bytes that a header takes.
  static let lengthLimit = 12 + dictionaryLimit
  /// Largest number of axes, as in NumPy.
  static let rankLimit = 64

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  private static let types: [String: ElementType] = [
    "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16, "i1": .int8,
    "u1": .uint8, "b1": .bool,
  ]
  private static let supported = "little-endian f2, f4, f8, i1, i2, i4, i8, u1 and b1"

  /// Reads and checks a header, and checks that exactly the numbers it announces follow.
  /// - Parameters:
  ///   - bytes: The beginning of the file, ``lengthLimit`` bytes or the whole file if it is shorter.
  ///   - total: Bytes of the whole file.
  ///   - path: The file's name in messages.
  ///   - entry: The name of the entry in messages, with a space at the end; empty for a whole file.
  /// - Throws: ``NumPyError``.
  init(_ bytes: UnsafeRawBufferPointer, total: Int, path: String, entry: String) throws {
    func malformed(_ part: String, _ expected: String, _ found: String) -> NumPyError {
      .malformed(path: path, part: entry + part, expected: expected, found: found)
    }
    guard bytes.starts(with: Self.magic), let version = bytes.number(at: 6, as: UInt8.self) else {
      let isArchive = entry.isEmpty && bytes.starts(with: Array("PK".utf8))
      throw malformed(
        "beginning", "the magic bytes of an npy file",
        isArchive ? "those of an archive, which readArchive reads" : "different bytes")
    }
    let start: Int
    let size: Int
    switch version {
    case 1: (start, size) = (10, Int(bytes.number(at: 8, as: UInt16.self) ?? 0))
    case 2, 3: (start, size) = (12, Int(bytes.number(at: 8, as: UInt32.self) ?? 0))
    default:
      throw NumPyError.unsupported(path: path, what: "\(entry)version \(version)", supported: "versions 1 to 3")
    }
    guard size > 0, size <= Self.dictionaryLimit, start + size <= bytes.count else {
      throw malformed("header length", "1 to \(Self.dictionaryLimit) bytes within the file", "\(size)")
    }
    var scanner = PythonLiteralScanner(bytes[start..<start + size])
    guard let fields = scanner.header() else {
      throw malformed(
        "header", "a dictionary of descr, fortran_order and shape",
        "'\(String(decoding: bytes[start..<start + min(size, 120)], as: UTF8.self))'")
    }
    guard let type = Self.elementType(fields.type) else {
      throw NumPyError.unsupported(path: path, what: "\(entry)type \(fields.type)", supported: Self.supported)
    }
    // Axes of length 0 count as 1 here, so that no partial product of the lengths can overflow later.
    let bound = fields.shape.reduce(type.size as Int?) { product, length in
      guard let product else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: max(length, 1))
      return overflow ? nil : next
    }
    guard fields.shape.count <= Self.rankLimit, let bound else {
      throw malformed(
        "shape", "at most \(Self.rankLimit) axes and less than 2^63 bytes",
        "\(fields.shape.count) axes: \(fields.shape.prefix(8))")
    }
    let count = fields.shape.contains(0) ? 0 : bound
    guard total - start - size == count else {
      throw malformed("numbers", "\(count) bytes for \(type) of shape \(fields.shape)", "\(total - start - size)")
    }
    (elementType, shape, isFortranOrder) = (type, fields.shape, fields.isFortranOrder)
    (length, byteCount) = (start + size, count)
  }

  /// The type that a text such as `<f4` names: byte order, kind and number of bytes.
  private static func elementType(_ text: String) -> ElementType? {
    guard let order = text.first, let type = types[String(text.dropFirst())] else { return nil }
    return (type.size == 1 ? "|<>=" : "<=").contains(order) ? type : nil
  }

  /// The header of float32 numbers in row-major order, as NumPy writes it: version 1, with room for the first length to
  /// grow to 21 digits, and padded with spaces so that the numbers begin on a multiple of 64 bytes.
  static func bytes(shape: [Int]) -> [UInt8] {
    let lengths = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(lengths)), }"
    if let first = shape.first { text += String(repeating: " ", count: max(0, 21 - String(first).count)) }
    let fixed = magic.count + 4
    text += String(repeating: " ", count: (64 - (fixed + text.utf8.count + 1) % 64) % 64) + "\n"
    return magic + [1, 0, UInt8(text.utf8.count & 0xff), UInt8(text.utf8.count >> 8)] + Array(text.utf8)
  }
}

/// Parses the Python literals that headers consist of, without evaluating anything.
private struct PythonLiteralScanner {
  private var rest: Slice<UnsafeRawBufferPointer>

  init(_ bytes: Slice<UnsafeRawBufferPointer>) { rest = bytes }

  /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, each key once and in any order; nil for anything
  /// else.
  mutating func header() -> (type: String, isFortranOrder: Bool, shape: [Int])? {
    var type: String?
    var order: Bool?
    var shape: [Int]?
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = text(), take(":") else { return nil }
      switch key {
      case "descr" where type == nil: type = text() ?? records()
      case "fortran_order" where order == nil: order = truth()
      case "shape" where shape == nil: shape = tuple()
      default: return nil
      }
      guard take(",") || rest.first == UInt8(ascii: "}") else { return nil }
    }
    skipSpace()
    guard rest.isEmpty, let type, let order, let shape else { return nil }
    return (type, order, shape)
  }

  private mutating func skipSpace() { rest = rest.drop { $0 == 0x20 || (9...13).contains($0) } }

  /// Skips spaces, then the text if it comes next; otherwise returns false.
  private mutating func take(_ text: String) -> Bool {
    skipSpace()
    guard rest.starts(with: text.utf8) else { return false }
    rest = rest.dropFirst(text.utf8.count)
    return true
  }

  /// A string without escapes, in single or double quotation marks.
  private mutating func text() -> String? {
    skipSpace()
    guard let quote = rest.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
    let inner = rest.dropFirst().prefix { $0 != quote && $0 != UInt8(ascii: "\\") }
    guard inner.endIndex < rest.endIndex, rest[inner.endIndex] == quote else { return nil }
    rest = rest[(inner.endIndex + 1)...]
    return String(validating: inner, as: UTF8.self)
  }

  /// The list that describes a type of several fields, up to its last bracket, to be quoted in an error.
  private mutating func records() -> String? {
    skipSpace()
    guard rest.first == UInt8(ascii: "["), let end = rest.lastIndex(of: UInt8(ascii: "]")) else { return nil }
    defer { rest = rest[(end + 1)...] }
    return String(validating: rest[...end].prefix(80), as: UTF8.self)
  }

  private mutating func truth() -> Bool? { take("True") ? true : take("False") ? false : nil }

  /// Whole numbers in parentheses; a single number must be followed by a comma.
  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var numbers: [Int] = []
    var comma = true
    while !take(")") {
      skipSpace()
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard comma, let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
      numbers.append(number)
      rest = rest[digits.endIndex...]
      comma = take(",")
    }
    return numbers.count == 1 && !comma ? nil : numbers
  }
}
