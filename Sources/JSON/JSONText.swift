import Foundation

extension JSONValue {
  /// The value as JSON text. Equal values have equal texts. Numbers that are not finite become null.
  ///
  /// - Parameter pretty: Whether to write one value per line, indented by two spaces per level. Arrays that contain no
  ///   arrays or objects still take one line.
  public func text(pretty: Bool = false) -> String {
    var text = ""
    write(to: &text, level: 0, pretty: pretty)
    return text
  }

  /// Writes the text to a file, whole or not at all.
  /// - Throws: ``JSONError/file(path:reason:)`` if the file cannot be written.
  public func write(to path: String, pretty: Bool = true) throws {
    do {
      try Data((text(pretty: pretty) + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw JSONError.file(path: path, reason: "cannot be written: \(error.localizedDescription)")
    }
  }

  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    case .null, .bool, .integer, .double, .string: true
    }
  }

  private func write(to text: inout String, level: Int, pretty: Bool) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .double(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.write(value, to: &text)
    case .array(let values):
      let breaks = pretty && !values.allSatisfy(\.isPlain)
      Self.list(to: &text, "[", "]", count: values.count, level: level, breaks: breaks, spaces: pretty) { index, text in
        values[index].write(to: &text, level: level + 1, pretty: pretty)
      }
    case .object(let object):
      let keys = object.keys
      Self.list(to: &text, "{", "}", count: keys.count, level: level, breaks: pretty, spaces: pretty) { index, text in
        Self.write(keys[index], to: &text)
        text += pretty ? ": " : ":"
        (object[keys[index]] ?? .null).write(to: &text, level: level + 1, pretty: pretty)
      }
    }
  }

  private static func list(
    to text: inout String, _ open: String, _ close: String, count: Int, level: Int, breaks: Bool, spaces: Bool,
    _ item: (Int, inout String) -> Void
  ) {
    text += open
    for index in 0..<count {
      if index > 0 { text += breaks || !spaces ? "," : ", " }
      if breaks { text += "\n" + String(repeating: "  ", count: level + 1) }
      item(index, &text)
    }
    if breaks, count > 0 { text += "\n" + String(repeating: "  ", count: level) }
    text += close
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20: text += String(format: "\\u%04x", scalar.value)
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

extension JSONValue: CustomStringConvertible {
  /// The value as JSON text on one line.
  public var description: String { text() }
}
