/// One entry of an object: its key, and how it is written and read. A type lists its entries once, for both directions.
package struct JSONField<Root> {
  package let key: String
  fileprivate let isNullable: Bool
  fileprivate let write: (Root) -> JSONValue?
  fileprivate let read: (inout Root, JSONNode) throws -> Void

  /// An entry that is written and read by the given functions.
  package init(
    _ key: String, isNullable: Bool = false, write: @escaping (Root) -> JSONValue?,
    read: @escaping (inout Root, JSONNode) throws -> Void
  ) {
    (self.key, self.isNullable, self.write, self.read) = (key, isNullable, write, read)
  }

  /// An entry that is always written.
  package init<Value: JSONCoded>(_ key: String, _ path: WritableKeyPath<Root, Value>) {
    self.init(key, isNullable: Value.isNullable) {
      $0[keyPath: path].json
    } read: {
      $0[keyPath: path] = try Value(json: $1)
    }
  }

  /// An entry that is omitted if it is nil. On reading, null is accepted only if `Value` itself can be read from null.
  package init<Value: JSONCoded>(_ key: String, ifSet path: WritableKeyPath<Root, Value?>) {
    self.init(key, isNullable: Value.isNullable) {
      $0[keyPath: path]?.json
    } read: {
      $0[keyPath: path] = try Value(json: $1)
    }
  }
}

extension JSONValue {
  /// An object with a value's entries.
  package init<Root>(_ root: Root, _ fields: [JSONField<Root>]) {
    self = .object(fields.compactMap { field in field.write(root).map { (field.key, $0) } })
  }
}

extension JSONNode {
  /// Reads the entries that are present into a value; what has no entry keeps its old value.
  /// - Throws: ``JSONError/unknownKey(location:key:known:)`` for a key that is not among the fields;
  ///   ``JSONError/wrongType(location:expected:found:)`` if this is not an object, or for a null that is not accepted;
  ///   the errors that reading the entries throws.
  package func read<Root>(into root: inout Root, _ fields: [JSONField<Root>]) throws {
    guard case .object(let object)? = value else { throw mismatch("an object") }
    let known = fields.map(\.key)
    for key in object.keys where !known.contains(key) {
      throw JSONError.unknownKey(location: location, key: key, known: known)
    }
    for field in fields {
      guard let entry = object[field.key] else { continue }
      if entry == .null && !field.isNullable {
        throw JSONError.wrongType(location: self[field.key].location, expected: "a value or no entry", found: "null")
      }
      try field.read(&root, self[field.key])
    }
  }
}

/// The known names that a mistyped name may mean: one of the two names contains the other, or they differ in one letter
/// or in at most about a third of the letters.
package func nearNames(to name: String, among known: [String]) -> [String] {
  known.filter { other in
    other.contains(name) || name.contains(other) || editDistance(name, other) <= max(1, (name.count + 1) / 3)
  }
}

/// The smallest number of letters to add, remove or replace to get from one word to the other (Levenshtein, 1966).
private func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a), Array(b))
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
