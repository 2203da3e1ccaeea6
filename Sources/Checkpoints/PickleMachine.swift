import Tensors

/// Interprets the few pickle instructions that checkpoints need, without running any code from the file.
///
/// A global is only a name here. A few names are known (ordered dictionaries, tensors and their storages); any other is
/// an error. Containers are kept in one table and referred to by index, so that deep or circular nesting causes no
/// recursion.
struct PickleMachine {
  enum Value {
    case none
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// A value that JSON cannot represent, such as a device, as text.
    case described(String)
    case global(String)
    case container(Int)
    case storage(Storage)
    case tensor(Tensor)
    case mark
  }

  enum Container {
    case list([Value])
    case tuple([Value])
    case dictionary([(Value, Value)])
  }

  /// A storage, identified by its key in the file.
  struct Storage {
    let key: String
    let type: StoredType
    let count: Int
  }

  /// A view of a storage, in elements.
  struct Tensor {
    /// nil: the values are not in a single storage, and cannot be read.
    let storage: Storage?
    let type: StoredType
    let offset: Int
    let shape: [Int]
    let strides: [Int]
  }

  private(set) var containers: [Container] = []
  /// The type of each storage that the pickle names, by the storage's key.
  var storageTypes: [String: StoredType] = [:]
  private(set) var position: Int
  private let bytes: UnsafeRawBufferPointer
  let path: String
  private var stack: [Value] = []
  private var memo: [Int: Value] = [:]
  private let start: Int

  /// The number of values in all containers together. A pickle can copy one list into many containers.
  private var held = 0

  /// The most values on the stack, the most remembered values, and the most containers. A checkpoint needs fewer.
  static let limit = 1 << 20
  /// The most values in all containers together. A checkpoint needs fewer.
  static let heldLimit = 1 << 21
  /// The longest pickle, in bytes.
  static let byteLimit = 64 << 20

  init(_ bytes: UnsafeRawBufferPointer, from position: Int, path: String) {
    (self.bytes, self.position, start, self.path) = (bytes, position, position, path)
  }

  /// Reads one pickle up to its end.
  /// - Throws: ``CheckpointError``.
  mutating func run() throws -> Value {
    while true {
      let offset = position
      guard offset - start < Self.byteLimit else {
        throw malformed("at most \(Self.byteLimit) bytes of pickle", "more")
      }
      let code = try byte()
      if code == UInt8(ascii: ".") { return try pop() }
      try step(code, at: offset)
      guard stack.count <= Self.limit, memo.count <= Self.limit, containers.count <= Self.limit,
        held <= Self.heldLimit
      else {
        throw malformed("at most \(Self.limit) values, and \(Self.heldLimit) in all containers together", "more")
      }
    }
  }

  private mutating func step(_ code: UInt8, at offset: Int) throws {
    switch Character(Unicode.Scalar(code)) {
    case "\u{80}":  // PROTO
      let version = try byte()
      guard version <= 5 else { throw malformed("a pickle protocol up to 5", "\(version)") }
    case "\u{95}": _ = try take(8)  // FRAME
    case "(": stack.append(.mark)
    case "0": _ = try pop()
    case "1": _ = try popToMark()
    case "2": stack.append(try top())
    case "N": stack.append(.none)
    case "\u{88}": stack.append(.bool(true))
    case "\u{89}": stack.append(.bool(false))
    case "I":
      let text = try line()
      switch text {
      case "00": stack.append(.bool(false))
      case "01": stack.append(.bool(true))
      default: stack.append(try integer(text))
      }
    case "L":
      let text = try line()
      stack.append(try integer(text.hasSuffix("L") ? String(text.dropLast()) : text))
    case "J": stack.append(.integer(Int64(try number(Int32.self))))
    case "K": stack.append(.integer(Int64(try byte())))
    case "M": stack.append(.integer(Int64(try number(UInt16.self))))
    case "\u{8a}": try long(Int(byte()))
    case "\u{8b}": try long(Int(number(Int32.self)))
    case "F":
      guard let value = Double(try line()) else { throw malformed("a number", "different text") }
      stack.append(.double(value))
    case "G": stack.append(.double(Double(bitPattern: try number(UInt64.self).byteSwapped)))
    case "X": try text(Int(number(UInt32.self)))
    case "\u{8c}": try text(Int(byte()))
    case "\u{8d}": try text(length(number(UInt64.self)))
    case "T": try text(Int(number(Int32.self)))
    case "U": try text(Int(byte()))
    case "V": stack.append(.string(try line()))
    case "B": stack.append(.bytes(Array(try take(Int(number(UInt32.self))))))
    case "C": stack.append(.bytes(Array(try take(Int(byte())))))
    case "\u{8e}", "\u{96}": stack.append(.bytes(Array(try take(length(number(UInt64.self))))))
    case "]", "\u{8f}": push(.list([]))  // A set is kept as a list.
    case "\u{90}": try append(popToMark())
    case "\u{91}": push(.tuple(try popToMark()))
    case ")": push(.tuple([]))
    case "}": push(.dictionary([]))
    case "l": push(.list(try popToMark()))
    case "t": push(.tuple(try popToMark()))
    case "d": push(.dictionary(try pairs(popToMark())))
    case "\u{85}": push(.tuple(try pop(1)))
    case "\u{86}": push(.tuple(try pop(2)))
    case "\u{87}": push(.tuple(try pop(3)))
    case "a": try append([pop()])
    case "e": try append(popToMark())
    case "s": try set(pairs(pop(2)))
    case "u": try set(pairs(popToMark()))
    case "p": try remember(Int(line()) ?? -1)
    case "q": try remember(Int(byte()))
    case "r": try remember(Int(number(UInt32.self)))
    case "\u{94}": try remember(memo.count)
    case "g": try recall(Int(line()) ?? -1)
    case "h": try recall(Int(byte()))
    case "j": try recall(Int(number(UInt32.self)))
    case "c":
      let module = try line()
      stack.append(try global(module, line()))
    case "\u{93}":
      let names = try pop(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else {
        throw malformed("two names of a global", "different values")
      }
      stack.append(try global(module, name))
    case "R":
      let call = try pop(2)
      guard case .global(let name) = call[0], let arguments = items(call[1]) else {
        throw malformed("a known function and its arguments", "different values")
      }
      stack.append(try apply(name, arguments))
    case "\u{81}":  // NEWOBJ: a new object of a class; here only a parameter around its tensor.
      let call = try pop(2)
      guard case .global("torch.nn.parameter.Parameter") = call[0], let arguments = items(call[1]),
        case .tensor(let tensor)? = arguments.first
      else {
        throw CheckpointError.forbidden(path: path, what: "a new object at byte \(offset)")
      }
      stack.append(.tensor(tensor))
    case "b": _ = try pop()  // BUILD sets attributes, such as the metadata of a state dictionary; none is needed.
    case "Q": stack.append(try storage(pop()))
    default:
      throw CheckpointError.forbidden(
        path: path, what: "the instruction 0x\(String(code, radix: 16)) at byte \(offset)")
    }
  }

  // MARK: Values

  /// The elements of a list or tuple.
  func items(_ value: Value) -> [Value]? {
    guard case .container(let index) = value else { return nil }
    switch containers[index] {
    case .list(let items), .tuple(let items): return items
    case .dictionary: return nil
    }
  }

  func integers(_ value: Value) -> [Int]? {
    guard let items = items(value) else { return nil }
    let numbers = items.compactMap { item -> Int? in
      if case .integer(let number) = item { return Int(number) }
      return nil
    }
    return numbers.count == items.count ? numbers : nil
  }

  private func pairs(_ values: [Value]) throws -> [(Value, Value)] {
    guard values.count % 2 == 0 else { throw malformed("keys with a value each", "\(values.count) values") }
    return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
  }

  mutating func add(_ container: Container) -> Value {
    switch container {
    case .list(let items), .tuple(let items): held += items.count
    case .dictionary(let pairs): held += 2 * pairs.count
    }
    containers.append(container)
    return .container(containers.count - 1)
  }

  private mutating func push(_ container: Container) { stack.append(add(container)) }

  private mutating func append(_ values: [Value]) throws {
    guard case .container(let index) = try top(), case .list(var items) = containers[index] else {
      throw malformed("a list to append to", "a different value")
    }
    containers[index] = .list([])
    held += values.count
    items += values
    containers[index] = .list(items)
  }

  private mutating func set(_ pairs: [(Value, Value)]) throws {
    guard case .container(let index) = try top(), case .dictionary(var old) = containers[index] else {
      throw malformed("a dictionary to add to", "a different value")
    }
    containers[index] = .dictionary([])
    held += 2 * pairs.count
    old += pairs
    containers[index] = .dictionary(old)
  }

  private mutating func remember(_ index: Int) throws {
    guard index >= 0 else { throw malformed("a memo index", "different text") }
    memo[index] = try top()
  }

  private mutating func recall(_ index: Int) throws {
    guard let value = memo[index] else { throw malformed("a remembered value", "none at memo index \(index)") }
    stack.append(value)
  }

  private func top() throws -> Value {
    guard let value = stack.last else { throw malformed("a value on the stack", "none") }
    if case .mark = value { throw malformed("a value on the stack", "a mark") }
    return value
  }

  private mutating func pop() throws -> Value {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func pop(_ count: Int) throws -> [Value] {
    var values: [Value] = []
    for _ in 0..<count { values.append(try pop()) }
    return values.reversed()
  }

  private mutating func popToMark() throws -> [Value] {
    let mark = stack.lastIndex { value in
      if case .mark = value { return true }
      return false
    }
    guard let mark else { throw malformed("a mark on the stack", "none") }
    let values = Array(stack[(mark + 1)...])
    stack.removeSubrange(mark...)
    return values
  }

  // MARK: Bytes

  private mutating func byte() throws -> UInt8 { try take(1)[0] }

  private mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws -> Number {
    let offset = position
    _ = try take(MemoryLayout<Number>.size)
    return bytes.number(at: offset, as: Number.self) ?? 0
  }

  private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard let part = bytes.part(position, count) else { throw malformed("\(count) more bytes", "the end of the data") }
    position += count
    return part
  }

  private func length(_ number: UInt64) throws -> Int {
    guard let length = Int(exactly: number) else { throw malformed("a length", "\(number)") }
    return length
  }

  private mutating func line() throws -> String {
    let rest = bytes[min(position, bytes.count)...].prefix(4096)
    guard let end = rest.firstIndex(of: UInt8(ascii: "\n")),
      let text = String(validating: bytes[position..<end], as: UTF8.self)
    else { throw malformed("a line of text", "none") }
    position = end + 1
    return text
  }

  private mutating func text(_ length: Int) throws {
    guard let text = String(validating: try take(length), as: UTF8.self) else {
      throw malformed("UTF-8", "invalid bytes")
    }
    stack.append(.string(text))
  }

  private func integer(_ text: String) throws -> Value {
    guard let number = Int64(text) else { throw malformed("a whole number of 64 bits", "'\(text.prefix(40))'") }
    return .integer(number)
  }

  /// A little-endian number of any length in two's complement. If it has more than 64 bits, as only magic numbers do,
  /// the lowest 64 are kept.
  private mutating func long(_ length: Int) throws {
    guard (0...256).contains(length) else { throw malformed("a number of at most 256 bytes", "\(length)") }
    let digits = try take(length)
    var value: UInt64 = (digits.last ?? 0) & 0x80 == 0 ? 0 : .max
    for index in (0..<min(length, 8)).reversed() { value = value << 8 | UInt64(digits[index]) }
    stack.append(.integer(Int64(bitPattern: value)))
  }

  func malformed(_ expected: String, _ found: String) -> CheckpointError {
    .malformed(path: path, place: "pickle, byte \(position - start)", expected: expected, found: found)
  }
}
