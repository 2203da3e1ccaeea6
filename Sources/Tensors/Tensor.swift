/// An array of float32 values with a shape: row-major, contiguous, with value semantics (a copy shares memory until one
/// of the two is written to).
///
/// Shapes that do not fit are a programming error: the program stops with a message that names the operation and the
/// shapes.
public struct Tensor: Sendable {
  /// Length of each axis; `[]` for a single number.
  public let shape: [Int]
  var storage: Storage
  /// The operation that computed the tensor, if it depends on a variable.
  private(set) var node: TapeNode?

  init(shape: [Int], storage: Storage, node: TapeNode? = nil) {
    self.shape = shape
    self.storage = storage
    self.node = node
  }

  /// The same values with a different tape node; nil removes the node.
  func with(node: TapeNode?) -> Tensor { Tensor(shape: shape, storage: storage, node: node) }

  /// A tensor of `values` in row-major order. Their number must be the product of `shape`; otherwise the program stops.
  public init(_ values: [Float], shape: [Int]) {
    let count = elementCount(shape)
    guard values.count == count else {
      fail("Tensor: expected \(count) values for the shape \(shape), found \(values.count)")
    }
    self.init(shape: shape) { buffer in _ = buffer.update(from: values) }
  }

  /// A single number, of shape `[]`.
  public init(_ scalar: Float) { self.init([scalar], shape: []) }

  /// A tensor filled with one value.
  public init(repeating value: Float, shape: [Int]) {
    self.init(shape: shape) { $0.update(repeating: value) }
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { Tensor(repeating: 0, shape: shape) }

  /// A tensor of ones.
  public static func ones(_ shape: [Int]) -> Tensor { Tensor(repeating: 1, shape: shape) }

  /// A tensor in new memory; `fill` must write every value.
  package init(shape: [Int], fill: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    let storage = Storage(count: elementCount(shape))
    try fill(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
    self.init(shape: shape, storage: storage)
  }

  /// A tensor over memory that `owner` keeps alive. The memory is read in place, without a copy.
  package init(shape: [Int], external: UnsafePointer<Float>, owner: AnyObject) {
    self.init(shape: shape, storage: Storage(borrowing: external, count: elementCount(shape), owner: owner))
  }

  /// Number of axes.
  public var rank: Int { shape.count }

  /// Number of values.
  public var count: Int { storage.count }

  /// All values in row-major order.
  public var values: [Float] { withUnsafeBuffer { Array($0) } }

  /// The only value of a tensor with exactly one; any other tensor stops the program.
  public var item: Float {
    guard count == 1 else { fail("item: expected one value, found shape \(shape)") }
    return storage.base[0]
  }

  /// One value, by one index per axis. Stops the program if an index does not exist; writing also stops it if the
  /// tensor is recorded on the tape.
  public subscript(_ indices: Int...) -> Float {
    get { storage.base[offset(of: indices)] }
    set {
      let offset = offset(of: indices)
      withUnsafeMutableBuffer { $0[offset] = newValue }
    }
  }

  private func offset(of indices: [Int]) -> Int {
    guard indices.count == rank else {
      fail("subscript: expected \(rank) indices for shape \(shape), found \(indices.count)")
    }
    var offset = 0
    for (index, length) in zip(indices, shape) {
      guard index >= 0, index < length else {
        fail("subscript: expected indices inside shape \(shape), found \(indices)")
      }
      offset = offset * length + index
    }
    return offset
  }

  /// Calls `body` with the values in place, in row-major order.
  public func withUnsafeBuffer<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    try withPointers(self) { try body(UnsafeBufferPointer(start: $0, count: count)) }
  }

  /// Calls `body` with the values, to change them in place. Memory that is shared with another tensor, or borrowed from
  /// an owner such as a mapped file, is copied first. Stops the program if the tensor is recorded on the tape.
  public mutating func withUnsafeMutableBuffer<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    if node != nil {
      fail(
        "a tensor of shape \(shape) that is recorded on the tape cannot be written to, since its gradient would be "
          + "lost; write to its `detached` copy")
    }
    if storage.owner != nil || !isKnownUniquelyReferenced(&storage) { storage = storage.copied() }
    storage.forgetDerived()
    return try body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
  }

  /// Whether every value is finite: neither infinite nor NaN.
  public var isFinite: Bool { withUnsafeBuffer { $0.allSatisfy(\.isFinite) } }
}

extension Tensor: Equatable {
  /// Whether shapes and values are equal (NaN equals nothing, and 0 equals -0).
  public static func == (a: Tensor, b: Tensor) -> Bool {
    a.shape == b.shape && a.withUnsafeBuffer { x in b.withUnsafeBuffer { y in x.elementsEqual(y) } }
  }
}

extension Tensor: CustomStringConvertible, CustomReflectable {
  /// Shape, least and greatest value, mean and first values on one line.
  public var description: String {
    guard count > 0 else { return "Tensor \(shape), empty" }
    if shape.isEmpty { return "Tensor \(item.short)" }
    let first = values.prefix(6).map(\.short).joined(separator: ", ") + (count > 6 ? ", …" : "")
    let numbers = values.filter { !$0.isNaN }
    let broken = count - numbers.count
    guard let low = numbers.min(), let high = numbers.max() else { return "Tensor \(shape), all NaN" }
    let mean = Float(numbers.reduce(0.0) { $0 + Double($1) } / Double(numbers.count))
    let notes = broken > 0 ? ", \(broken) NaN" : ""
    return "Tensor \(shape), \(low.short)…\(high.short), mean \(mean.short)\(notes): [\(first)]"
  }

  /// One line in a debugger or REPL, rather than the storage behind it.
  public var customMirror: Mirror { Mirror(self, children: ["tensor": description]) }
}

extension Float {
  /// For people to read: four significant digits from 1e-4 to 1e4, whole numbers from 1e4 to 1e6, all digits outside
  /// this range.
  fileprivate var short: String {
    guard isFinite else { return description }
    if self == 0 { return "0" }
    let digits = 4 - Int(Double(magnitude).exponent10)
    guard magnitude >= 1e-4, magnitude < 1e6 else { return description }
    let unit = Double.power10(max(0, min(digits - 1, 7)))
    return Float((Double(self) * unit).rounded() / unit).description
  }
}

extension Double {
  fileprivate var exponent10: Int {
    var exponent = 0
    var rest = self
    while rest >= 10 {
      rest /= 10
      exponent += 1
    }
    while rest < 1, rest > 0 {
      rest *= 10
      exponent -= 1
    }
    return exponent
  }

  fileprivate static func power10(_ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { power, _ in power * 10 }
  }
}

/// Number of values of a shape; stops the program if a length is negative or the number exceeds an Int.
func elementCount(_ shape: [Int]) -> Int {
  var count = 1
  for length in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: length)
    guard length >= 0, !overflow else {
      fail("Tensor: expected lengths of 0 or more and a product that fits an Int, found shape \(shape)")
    }
    count = product
  }
  return count
}

/// Strides of a row-major shape: the number of values from one neighbour to the next along each axis.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
  return strides
}
