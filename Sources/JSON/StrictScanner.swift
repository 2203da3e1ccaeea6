/// Scans JSON text once and rejects what json-c would accept: duplicate keys, comments, numbers out of range, and
/// anything after the value.
struct StrictScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let name: String
  private let maximumDepth: Int
  private var position = 0
  private var values = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>, name: String, maximumDepth: Int) {
    (self.bytes, self.name, self.maximumDepth) = (bytes, name, maximumDepth)
  }

  /// Checks the whole text.
  /// - Throws: ``JSONError``.
  mutating func check() throws {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw JSONError.malformed(name: name, line: 1, column: 1, expected: "UTF-8 text", found: "invalid bytes")
    }
    skipSpace()
    try value(depth: 0)
    skipSpace()
    if position < bytes.count { throw unexpected("the end of the text after the value") }
  }

  private mutating func value(depth: Int) throws {
    values += 1
    guard values <= JSONValue.valueLimit else { throw JSONError.tooMany(name: name, limit: JSONValue.valueLimit) }
    switch current {
    case UInt8(ascii: "{"): try object(depth: depth + 1)
    case UInt8(ascii: "["): try array(depth: depth + 1)
    case UInt8(ascii: "\""): _ = try string()
    case let byte? where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
      try number()
    default:
      for word in ["true", "false", "null"] where follows(word) {
        position += word.utf8.count
        return
      }
      throw unexpected("a value")
    }
  }

  private mutating func object(depth: Int) throws {
    guard depth <= maximumDepth else { throw JSONError.tooDeep(name: name, limit: maximumDepth) }
    var keys: Set<String> = []
    position += 1
    skipSpace()
    if take("}") { return }
    repeat {
      skipSpace()
      let start = position
      guard current == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
      let key = try string()
      if key.utf8.contains(0) {
        position = start
        throw unexpected("a key without a zero character")
      }
      guard keys.insert(key).inserted else {
        let (line, column) = lineAndColumn(of: start)
        throw JSONError.duplicateKey(name: name, line: line, column: column, key: key)
      }
      skipSpace()
      guard take(":") else { throw unexpected("a colon after the key") }
      skipSpace()
      try value(depth: depth)
      skipSpace()
    } while take(",")
    guard take("}") else { throw unexpected("a comma or a closing brace") }
  }

  private mutating func array(depth: Int) throws {
    guard depth <= maximumDepth else { throw JSONError.tooDeep(name: name, limit: maximumDepth) }
    position += 1
    skipSpace()
    if take("]") { return }
    repeat {
      skipSpace()
      try value(depth: depth)
      skipSpace()
    } while take(",")
    guard take("]") else { throw unexpected("a comma or a closing bracket") }
  }

  /// Reads a string; escapes are resolved, so that two spellings of one key are the same key.
  private mutating func string() throws -> String {
    position += 1
    var units: [UInt8] = []
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
      case UInt8(ascii: "\\"): units += try escape()
      case 0..<0x20:
        position -= 1
        throw unexpected("no control character in a string")
      default: units.append(byte)
      }
    }
    throw unexpected("a closing quote")
  }

  private mutating func escape() throws -> [UInt8] {
    guard let byte = current else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      var code = UInt32(try hexadecimal())
      if (0xd800..<0xdc00).contains(code) {
        guard take("\\"), take("u") else { throw unexpected("the second half of a surrogate pair") }
        let low = UInt32(try hexadecimal())
        guard (0xdc00..<0xe000).contains(low) else { throw unexpected("the second half of a surrogate pair") }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw unexpected("a Unicode scalar") }
      return Array(String(Character(scalar)).utf8)
    default:
      position -= 1
      throw unexpected("one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
    }
  }

  private mutating func hexadecimal() throws -> UInt16 {
    var code: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw unexpected("four hexadecimal digits")
      }
      code = code << 4 | UInt16(digit)
      position += 1
    }
    return code
  }

  private mutating func number() throws {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    var isWhole = true
    if take(".") {
      isWhole = false
      try digits()
    }
    if take("e") || take("E") {
      isWhole = false
      if !take("+") { _ = take("-") }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    let fits = isWhole ? Int64(text) != nil : Double(text)?.isFinite ?? false
    if !fits {
      position = start
      throw unexpected("a number that fits \(isWhole ? "64 bits" : "double precision")")
    }
  }

  private mutating func digits() throws {
    guard let first = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
      throw unexpected("a digit")
    }
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private func follows(_ word: String) -> Bool {
    position + word.utf8.count <= bytes.count && word.utf8.elementsEqual(bytes[position..<position + word.utf8.count])
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private func unexpected(_ expected: String) -> JSONError {
    let (line, column) = lineAndColumn(of: position)
    let rest = bytes[min(position, bytes.count)...].prefix(12)
    let found = rest.isEmpty ? "the end" : "'" + String(decoding: rest, as: UTF8.self) + "'"
    return .malformed(name: name, line: line, column: column, expected: expected, found: found)
  }

  private func lineAndColumn(of position: Int) -> (line: Int, column: Int) {
    let before = bytes[..<min(position, bytes.count)]
    let line = before.count { $0 == 0x0a } + 1
    let start = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
    return (line, position - start + 1)
  }
}
