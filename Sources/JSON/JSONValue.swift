/// A JSON value. A number is an integer if it is written without a fraction and an exponent, else a double.
public indirect enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// An object of pairs in the given order. If several pairs have the same key, the last pair's value counts.
  public static func object(_ pairs: [(String, JSONValue)]) -> JSONValue {
    var object = JSONObject()
    for (key, value) in pairs { object[key] = value }
    return .object(object)
  }

  /// A description of the value for error messages.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "the number \(value)"
    case .double(let value): "the number \(value)"
    case .string(let value): "the string '\(value.count > 40 ? value.prefix(40) + "…" : value)'"
    case .array(let values): "an array of length \(values.count)"
    case .object(let object): "an object (number of keys: \(object.keys.count))"
    }
  }
}

/// The keys and values of a JSON object, in the order in which the keys were added.
public struct JSONObject: Sendable, Equatable {
  public private(set) var keys: [String] = []
  private var values: [String: JSONValue] = [:]

  public init() {}

  public subscript(key: String) -> JSONValue? {
    get { values[key] }
    set {
      if values[key] == nil, newValue != nil { keys.append(key) }
      if newValue == nil { keys.removeAll { $0 == key } }
      values[key] = newValue
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements) }

  /// A whole number.
  public init(_ value: Int) { self = .integer(Int64(value)) }
  /// A number with the fewest digits that are read back as the same float32; null if it is not finite.
  public init(_ value: Float) {
    guard value.isFinite else {
      self = .null
      return
    }
    let short = Double("\(value)") ?? Double(value)
    // Rounding to double and then to float32 could yield a neighbouring number.
    self = .double(Float(short) == value ? short : Double(value))
  }
  /// An array of numbers.
  public init(_ values: [Float]) { self = .array(values.map { JSONValue($0) }) }
  /// An array of both ends, with null for an end that is not finite.
  public init(_ range: ClosedRange<Float>) {
    self = .array([JSONValue(range.lowerBound), JSONValue(range.upperBound)])
  }
  /// An array of strings.
  public init(_ values: [String]) { self = .array(values.map { .string($0) }) }
}
