import JSON

/// Weighted means of named figures, in the order in which the names were first added.
struct Tally: Sendable, Equatable {
  private(set) var names: [String] = []
  private var sums: [String: (sum: Double, weight: Double)] = [:]

  init() {}

  mutating func add(_ name: String, _ value: Double, weight: Double = 1) {
    if sums[name] == nil { names.append(name) }
    let old = sums[name] ?? (0, 0)
    sums[name] = (old.sum + value * weight, old.weight + weight)
  }

  /// Adds all figures from another tally.
  mutating func add(_ other: Tally) {
    for name in other.names {
      guard let (sum, weight) = other.sums[name] else { continue }
      if sums[name] == nil { names.append(name) }
      let old = sums[name] ?? (0, 0)
      sums[name] = (old.sum + sum, old.weight + weight)
    }
  }

  subscript(name: String) -> Double? { sums[name].map { $0.sum / $0.weight } }

  var means: [(name: String, value: Double)] { names.compactMap { name in self[name].map { (name, $0) } } }

  static func == (a: Tally, b: Tally) -> Bool {
    a.names == b.names && a.names.allSatisfy { a.sums[$0]! == b.sums[$0]! }
  }

  var json: JSONValue {
    .array(
      names.map { name in
        let (sum, weight) = sums[name] ?? (0, 0)
        return [.string(name), .double(sum), .double(weight)]
      })
  }

  init(_ json: JSONNode) throws {
    for entry in try json.array() {
      let name = try entry[0].string()
      names.append(name)
      sums[name] = (try entry[1].double(), try entry[2].double())
    }
  }
}
