/// A name pattern, in which `*` stands for any characters and `?` for one character.
struct NamePattern {
  let pattern: [Character]

  init(_ pattern: String) { self.pattern = Array(pattern) }

  func fits(_ name: String) -> Bool {
    let name = Array(name)
    var (p, n, star, mark) = (0, 0, -1, 0)
    while n < name.count {
      if p < pattern.count, pattern[p] == "?" || (pattern[p] != "*" && pattern[p] == name[n]) {
        p += 1
        n += 1
      } else if p < pattern.count, pattern[p] == "*" {
        (star, mark) = (p, n)
        p += 1
      } else if star >= 0 {
        mark += 1
        (p, n) = (star + 1, mark)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }

  /// The names closest to a pattern without its wildcards, by edit distance; at most three.
  static func nearest(to pattern: String, among names: [String]) -> [String] {
    let plain = Array(pattern.filter { $0 != "*" && $0 != "?" })
    let scored = names.map { name -> (Int, String) in
      // A pattern is often only a part of a name, so it is compared with all parts of the name that dots separate.
      let parts = name.split(separator: ".").map(String.init)
      var best = distance(plain, Array(name))
      for start in parts.indices {
        for end in start..<parts.count {
          best = min(best, distance(plain, Array(parts[start...end].joined(separator: "."))))
        }
      }
      return (best, name)
    }
    return scored.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(3).map(\.1)
  }

  private static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
        diagonal = above
      }
    }
    return row[b.count]
  }
}
