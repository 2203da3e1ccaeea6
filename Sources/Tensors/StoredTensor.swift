import CKernels

/// The type of the numbers of a stored tensor.
public enum ElementType: String, Sendable, CaseIterable {
  case float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool

  /// Bytes of one number.
  public var size: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether numbers of this type can have a fractional part.
  public var isFloating: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    case .int64, .int32, .int16, .int8, .uint8, .bool: false
    }
  }
}

/// A tensor as stored in a file, possibly a mapped one: row-major, little-endian, in its stored type. It is widened to
/// float32 only on request.
public struct StoredTensor: @unchecked Sendable {
  public let shape: [Int]
  public let elementType: ElementType
  /// Valid while `owner` lives.
  let bytes: UnsafeRawBufferPointer
  private let owner: AnyObject

  /// A tensor over bytes that `owner` keeps alive; their number must match the shape.
  package init(shape: [Int], elementType: ElementType, bytes: UnsafeRawBufferPointer, owner: AnyObject) {
    guard bytes.count == elementCount(shape) * elementType.size else {
      fail("StoredTensor: \(bytes.count) bytes do not fill the shape \(shape) of \(elementType)")
    }
    (self.shape, self.elementType, self.bytes, self.owner) = (shape, elementType, bytes, owner)
  }

  /// A tensor with its own copy of the bytes.
  public init(shape: [Int], elementType: ElementType, data: [UInt8]) {
    let memory = ByteStorage(data)
    self.init(shape: shape, elementType: elementType, bytes: UnsafeRawBufferPointer(memory.bytes), owner: memory)
  }

  /// Number of values.
  public var count: Int { elementCount(shape) }

  /// Calls `body` with the bytes in place.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withPointers(self, body: body)
  }

  /// The numbers in float32: in place if they are float32 already and aligned to four bytes, else converted.
  public var tensor: Tensor {
    if elementType == .float32, let base = bytes.baseAddress, Int(bitPattern: base) % 4 == 0 {
      return Tensor(shape: shape, external: base.assumingMemoryBound(to: Float.self), owner: owner)
    }
    return withBytes { bytes in
      switch elementType {
      case .float64: convert(bytes) { (value: Double) in Float(value) }
      case .float32: convert(bytes) { (value: UInt32) in Float(bitPattern: value) }
      case .float16: widened(bytes, msd_from_half)
      case .bfloat16: widened(bytes, msd_from_bfloat16)
      case .int64: convert(bytes) { (value: Int64) in Float(value) }
      case .int32: convert(bytes) { (value: Int32) in Float(value) }
      case .int16: convert(bytes) { (value: Int16) in Float(value) }
      case .int8: convert(bytes) { (value: Int8) in Float(value) }
      case .uint8: convert(bytes) { (value: UInt8) in Float(value) }
      case .bool: convert(bytes) { (value: UInt8) in value == 0 ? 0 : 1 }
      }
    }
  }

  /// Writes a block of the numbers in float32, taken as a matrix whose rows hold `width` numbers: [rows.count, columns.count].
  func widen(
    rows: Range<Int>, columns: Range<Int>, ofWidth width: Int, into target: UnsafeMutablePointer<Float>
  ) {
    withBytes { bytes in
      guard let base = bytes.baseAddress, !rows.isEmpty else { return }
      let (size, count) = (elementType.size, columns.count)
      let isAligned = Int(bitPattern: base) % size == 0
      for (index, row) in rows.enumerated() {
        let (from, to) = (base + (row * width + columns.lowerBound) * size, target + index * count)
        switch elementType {
        case .float16 where isAligned: msd_from_half(from.assumingMemoryBound(to: UInt16.self), to, Int64(count))
        case .bfloat16 where isAligned: msd_from_bfloat16(from.assumingMemoryBound(to: UInt16.self), to, Int64(count))
        default:
          let part = UnsafeRawBufferPointer(start: from, count: count * size)
          let numbers = StoredTensor(shape: [count], elementType: elementType, bytes: part, owner: owner).tensor
          withPointers(numbers) { to.update(from: $0, count: count) }
        }
      }
    }
  }

  /// 16-bit numbers, widened by a kernel that needs them aligned to two bytes.
  private func widened(
    _ bytes: UnsafeRawBufferPointer, _ kernel: (UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?, Int64) -> Void
  ) -> Tensor {
    if let base = bytes.baseAddress, Int(bitPattern: base) % 2 != 0 {
      return StoredTensor(shape: shape, elementType: elementType, data: Array(bytes)).tensor
    }
    return Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress, let source = bytes.baseAddress?.assumingMemoryBound(to: UInt16.self) else {
        return
      }
      parallel(buffer.count, cost: 1) { kernel(source + $0.lowerBound, target + $0.lowerBound, Int64($0.count)) }
    }
  }

  @inline(__always)
  private func convert<Value: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, _ widen: (Value) -> Float) -> Tensor {
    Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress, let source = bytes.baseAddress else { return }
      let size = MemoryLayout<Value>.size
      parallel(buffer.count, cost: 1) { range in
        for index in range { target[index] = widen(source.loadUnaligned(fromByteOffset: index * size, as: Value.self)) }
      }
    }
  }

  /// The numbers of an integer or boolean type; for a floating-point type the program stops.
  public var integers: [Int64] {
    withBytes { bytes in
      func read<Value: BitwiseCopyable>(_: Value.Type, _ widen: (Value) -> Int64) -> [Int64] {
        (0..<count).map { widen(bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Value>.size, as: Value.self)) }
      }
      switch elementType {
      case .int64: return read(Int64.self) { $0 }
      case .int32: return read(Int32.self) { Int64($0) }
      case .int16: return read(Int16.self) { Int64($0) }
      case .int8: return read(Int8.self) { Int64($0) }
      case .uint8: return read(UInt8.self) { Int64($0) }
      case .bool: return read(UInt8.self) { $0 == 0 ? 0 : 1 }
      case .float64, .float32, .float16, .bfloat16: fail("StoredTensor.integers: the type is \(elementType)")
      }
    }
  }
}

/// A block of memory that is freed with this object.
final class ByteStorage {
  private let memory: UnsafeMutableRawBufferPointer
  let bytes: UnsafeMutableRawBufferPointer

  /// Memory that is not yet initialised.
  init(count: Int) {
    memory = .allocate(byteCount: max(count, 1), alignment: 64)
    bytes = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
  }

  convenience init(_ data: [UInt8]) {
    self.init(count: data.count)
    memory.copyBytes(from: data)
  }

  deinit { memory.deallocate() }
}
