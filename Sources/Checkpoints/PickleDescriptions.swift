import JSON

/// Values of a pickle as text, in Python's notation: for keys that are not text, and for values that JSON cannot
/// represent.
extension PickleMachine {
  /// The value in JSON. A value that JSON cannot represent is given as text in Python's notation. nil for containers,
  /// storages and tensors.
  func json(_ value: Value) -> JSONValue? {
    switch value {
    case .none: .null
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    case .bytes, .described, .global: described(value).map { .string($0) }
    case .container, .storage, .tensor, .mark: nil
    }
  }

  /// The value as a key: a text as it is, any other value in Python's notation. Long bytes and long containers are cut
  /// short.
  func key(_ value: Value) -> String {
    if case .string(let text) = value { return text }
    return described(value, levels: 3) ?? "a value"
  }

  /// The value in Python's notation; nil for a storage, and for a container if `levels` is 0.
  /// - Parameters:
  ///   - levels: the number of nested levels of containers that are written; deeper containers become `…`.
  ///   - isQuoted: whether a text is put in quotes; if so, only its first 200 characters are written.
  func described(_ value: Value, levels: Int = 0, isQuoted: Bool = false) -> String? {
    switch value {
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .integer(let value): return String(value)
    case .double(let value): return "\(value)"
    case .string(let value): return isQuoted ? "'\(value.prefix(200))'" : value
    case .bytes(let bytes): return "b'" + bytes.prefix(40).map(Self.escaped).joined() + (bytes.count > 40 ? "…'" : "'")
    case .described(let text): return text
    case .global(let name): return name
    case .container(let index):
      guard levels > 0 else { return nil }
      func list(_ items: [Value]) -> String {
        items.prefix(16).map { described($0, levels: levels - 1, isQuoted: true) ?? "…" }.joined(separator: ", ")
      }
      switch containers[index] {
      case .tuple(let items): return "(" + list(items) + (items.count == 1 ? ",)" : ")")
      case .list(let items): return "[" + list(items) + "]"
      case .dictionary: return "{…}"
      }
    case .tensor(let tensor): return "tensor of shape \(tensor.shape)"
    case .storage, .mark: return nil
    }
  }

  private static func escaped(_ byte: UInt8) -> String {
    if (0x20..<0x7f).contains(byte) { return String(Character(Unicode.Scalar(byte))) }
    return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}
