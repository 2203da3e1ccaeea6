/// A type whose values can be written to JSON and read back unchanged.
package protocol JSONCoded {
  /// Whether the type can be read from null.
  static var isNullable: Bool { get }
  var json: JSONValue { get }
  /// - Throws: ``JSONError`` if the node does not hold a value of this type.
  init(json node: JSONNode) throws
}

extension JSONCoded {
  package static var isNullable: Bool { false }
}

extension Int: JSONCoded {
  package var json: JSONValue { JSONValue(self) }
  package init(json node: JSONNode) throws { self = try node.int() }
}

/// NaN and infinity are written as null, which cannot be read back.
extension Float: JSONCoded {
  package var json: JSONValue { JSONValue(self) }
  package init(json node: JSONNode) throws { self = try node.float() }
}

extension Bool: JSONCoded {
  package var json: JSONValue { .bool(self) }
  package init(json node: JSONNode) throws { self = try node.bool() }
}

extension String: JSONCoded {
  package var json: JSONValue { .string(self) }
  package init(json node: JSONNode) throws { self = try node.string() }
}

/// Written as a number up to 2⁵³, because every JSON parser reads such numbers exactly. A greater number is written as
/// a string of digits.
extension UInt64: JSONCoded {
  package var json: JSONValue { self <= 1 << 53 ? .integer(Int64(self)) : .string("\(self)") }

  package init(json node: JSONNode) throws {
    switch node.value {
    case .integer(let number)? where number >= 0: self = UInt64(number)
    case .string(let text)? where UInt64(text) != nil: self = UInt64(text) ?? 0
    default: throw node.mismatch("a whole number from 0 to \(UInt64.max), as a string if it exceeds 2⁵³")
    }
  }
}

/// Written as an array of both ends, with null for an infinite end.
extension ClosedRange: JSONCoded where Bound == Float {
  package var json: JSONValue { JSONValue(self) }

  package init(json node: JSONNode) throws {
    let ends = try node.array()
    guard ends.count == 2, case let lower = ends[0].isPresent ? try ends[0].float() : -.infinity,
      case let upper = ends[1].isPresent ? try ends[1].float() : .infinity, lower <= upper
    else { throw node.mismatch("two numbers, the smaller first, or null for an infinite end") }
    self = lower...upper
  }
}

extension Array: JSONCoded where Element: JSONCoded {
  package var json: JSONValue { .array(map(\.json)) }
  package init(json node: JSONNode) throws { self = try node.array().map { try Element(json: $0) } }
}

/// nil is written as null.
extension Optional: JSONCoded where Wrapped: JSONCoded {
  package static var isNullable: Bool { true }
  package var json: JSONValue { self?.json ?? .null }
  package init(json node: JSONNode) throws { self = node.isPresent ? try Wrapped(json: node) : nil }
}
