import Foundation

/// Which hook points, steps and heads a hook takes part in.
public struct HookSelection: Sendable {
  /// Patterns of names, `*` standing for anything, `?` for one character; a point takes part when one of them fits its
  /// name or its layer. Empty: all names.
  public var patterns: [String]
  public var kinds: Set<HookKind>
  /// Feature map sizes, nil: all.
  public var grids: Set<FeatureGrid>?
  /// Denoising steps counted from 0, nil: all.
  public var steps: Set<Int>?
  /// Attention heads counted from 0, nil: all. Observed tensors hold only these, in rising order.
  public var heads: [Int]?

  public init(
    _ kinds: HookKind..., patterns: [String] = [], grids: Set<FeatureGrid>? = nil, steps: Set<Int>? = nil,
    heads: [Int]? = nil
  ) {
    self.init(
      kinds: kinds.isEmpty ? Set(HookKind.allCases) : Set(kinds), patterns: patterns, grids: grids, steps: steps,
      heads: heads)
  }

  public init(
    kinds: Set<HookKind>, patterns: [String] = [], grids: Set<FeatureGrid>? = nil, steps: Set<Int>? = nil,
    heads: [Int]? = nil
  ) {
    (self.kinds, self.patterns, self.grids, self.steps) = (kinds, patterns, grids, steps)
    self.heads = heads.map { Array(Set($0)).sorted() }
  }

  func names(_ point: HookPoint) -> Bool {
    kinds.contains(point.kind)
      && (patterns.isEmpty
        || patterns.contains { NamePattern($0).fits(point.name) || NamePattern($0).fits(point.layer) })
  }

  /// Checks the selection against what a model has and a run will meet.
  /// - Throws: `HookError` for a pattern that fits no point of the chosen kinds, listing near names; for steps, heads and
  ///   feature map sizes that the run does not have.
  func check(against points: [HookPoint], steps count: Int?, grids met: Set<FeatureGrid>?) throws {
    let candidates = points.filter { kinds.contains($0.kind) }
    let names = (candidates.isEmpty ? points : candidates).map(\.name)
    for pattern in patterns.isEmpty ? ["*"] : patterns {
      let fitting = NamePattern(pattern)
      if !candidates.contains(where: { fitting.fits($0.name) || fitting.fits($0.layer) }) {
        throw HookError.noSuchPoint(
          pattern: pattern, kinds: kinds.map(\.rawValue).sorted(), near: NamePattern.nearest(to: pattern, among: names))
      }
    }
    if let count, let steps, let beyond = steps.sorted().first(where: { !(0..<count).contains($0) }) {
      throw HookError.noSuchStep(step: beyond, steps: count)
    }
    if let heads {
      let fewest = points.filter { self.names($0) }.compactMap { point in point.heads.map { ($0, point.name) } }.min {
        $0.0 < $1.0
      }
      if heads.isEmpty || heads.contains(where: { $0 < 0 }) || fewest.map({ $0.0 <= heads.last! }) ?? false {
        throw HookError.noSuchHead(heads: heads, found: fewest?.0 ?? 0, point: fewest?.1 ?? "no point")
      }
    }
    if let grids, let met, let missing = grids.first(where: { !met.contains($0) }) {
      throw HookError.noSuchGrid(asked: missing, met: met.sorted { $0.count > $1.count })
    }
  }
}

/// What is wrong with a hook.
public enum HookError: Error, Equatable, CustomStringConvertible {
  case noSuchPoint(pattern: String, kinds: [String], near: [String])
  case noSuchStep(step: Int, steps: Int)
  case noSuchHead(heads: [Int], found: Int, point: String)
  case noSuchGrid(asked: FeatureGrid, met: [FeatureGrid])

  public var description: String {
    switch self {
    case .noSuchPoint(let pattern, let kinds, let near):
      "no hook point of kind \(kinds.joined(separator: ", ")) fits '\(pattern)'; near names: \(near.joined(separator: ", "))"
    case .noSuchStep(let step, let steps):
      "a hook asks for step \(step), the run has steps 0 to \(steps - 1)"
    case .noSuchHead(let heads, let found, let point):
      "a hook asks for the heads \(heads), counted from 0; \(point) has \(found). Name others, or layers that have them"
    case .noSuchGrid(let asked, let met):
      "a hook asks for the feature map size \(asked); this run has \(met.map(\.description).joined(separator: ", "))"
    }
  }
}

/// A name with `*` and `?` in it.
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

  /// The names closest to a pattern by edit distance, stars left out, three at most.
  static func nearest(to pattern: String, among names: [String]) -> [String] {
    let plain = Array(pattern.filter { $0 != "*" && $0 != "?" })
    let scored = names.map { name -> (Int, String) in
      // A pattern is often a piece of a name: compare with the best piece of equal length on dot borders.
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
