import Tensors

/// The type of a stored tensor's numbers, whether or not this package can read them.
public struct StoredType: Sendable, Hashable, CustomStringConvertible {
  /// The type's name in PyTorch, such as `float32` or `float8_e4m3fn`.
  public let name: String
  /// Number of bits of one number; 0 for a tensor without values of its own in the file, such as a sparse one.
  public let bits: Int
  /// The type as which this package reads the numbers; nil: it cannot read them.
  public let elementType: ElementType?

  init(_ name: String, bits: Int) { (self.name, self.bits, elementType) = (name, bits, nil) }

  init(_ type: ElementType) { (name, bits, elementType) = (type.rawValue, 8 * type.size, type) }

  public var description: String { name }

  /// The number of bytes of a tensor of this shape; nil if a length in the shape is negative or the number overflows.
  func byteCount(_ shape: [Int]) -> Int? {
    var count = bits
    for length in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard length >= 0, !overflow else { return nil }
      count = product
    }
    return count / 8 + (count % 8 == 0 ? 0 : 1)
  }

  /// This type for a tensor that cannot be read for a reason other than its type; the new name contains the reason.
  func unreadable(_ reason: String) -> StoredType { StoredType("\(name) (\(reason))", bits: bits) }

  /// The names of all types that can be read.
  static let supported = ElementType.allCases.map(\.rawValue).joined(separator: ", ")

  /// PyTorch's types by name; names such as `half` and `long` are included.
  static let named: [String: StoredType] = {
    var types = Dictionary(uniqueKeysWithValues: ElementType.allCases.map { ($0.rawValue, StoredType($0)) })
    for (name, bits) in [
      ("uint16", 16), ("uint32", 32), ("uint64", 64), ("complex32", 32), ("complex64", 64), ("complex128", 128),
      ("float8_e4m3fn", 8), ("float8_e5m2", 8), ("float8_e4m3fnuz", 8), ("float8_e5m2fnuz", 8), ("float8_e8m0fnu", 8),
      ("float4_e2m1fn_x2", 8), ("qint8", 8), ("quint8", 8), ("qint32", 32), ("quint4x2", 8), ("quint2x4", 8),
      ("bits8", 8), ("bits16", 16), ("bits1x8", 8), ("bits2x4", 8), ("bits4x2", 8),
    ] { types[name] = StoredType(name, bits: bits) }
    for bits in 1...7 {
      types["uint\(bits)"] = StoredType("uint\(bits)", bits: 8)
      types["int\(bits)"] = StoredType("int\(bits)", bits: 8)
    }
    for (other, name) in [
      ("float", "float32"), ("double", "float64"), ("half", "float16"), ("long", "int64"), ("int", "int32"),
      ("short", "int16"), ("chalf", "complex32"), ("cfloat", "complex64"), ("cdouble", "complex128"),
    ] { types[other] = types[name] }
    return types
  }()

  /// The type of each of PyTorch's storages, such as `FloatStorage`.
  static let ofStorage: [String: StoredType] = [
    "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Double": "float64", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "Untyped": "uint8",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8",
    "QInt32": "qint32", "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4",
  ].reduce(into: [:]) { types, pair in types[pair.key + "Storage"] = named[pair.value] }
}
