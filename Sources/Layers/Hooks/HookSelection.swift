/// The hook points, steps and heads to which a hook applies.
public struct HookSelection: Sendable {
  /// Name patterns, in which `*` stands for any characters and `?` for one character. A point is selected if a pattern
  /// matches the point's name or layer. Empty: all points.
  public var patterns: [String]
  /// Kinds of hook points; empty: all kinds.
  public var kinds: Set<HookKind>
  /// Feature map sizes; nil: all sizes, and points without a feature map.
  public var grids: Set<FeatureGrid>?
  /// Steps, counted from 0; nil: all steps, and points that fire outside of steps.
  public var steps: Set<Int>?
  /// Attention heads, counted from 0; nil: all heads. Observed tensors hold only these heads, in ascending order.
  public var heads: [Int]?

  public init(
    _ kinds: HookKind..., patterns: [String] = [], grids: Set<FeatureGrid>? = nil, steps: Set<Int>? = nil,
    heads: [Int]? = nil
  ) {
    self.init(kinds: Set(kinds), patterns: patterns, grids: grids, steps: steps, heads: heads)
  }

  public init(
    kinds: Set<HookKind>, patterns: [String] = [], grids: Set<FeatureGrid>? = nil, steps: Set<Int>? = nil,
    heads: [Int]? = nil
  ) {
    (self.kinds, self.patterns, self.grids, self.steps) = (kinds, patterns, grids, steps)
    self.heads = heads.map { Array(Set($0)).sorted() }
  }

  /// The selected points that can fire in a run.
  /// - Throws: `HookError` if a pattern matches no point of the selected kinds, or only points that cannot fire in this
  ///   run; if the run lacks a selected step, head or feature map size; if heads are selected and none of the points
  ///   has heads; or if the list of steps, heads or sizes is empty.
  func points(among all: [HookPoint], _ outline: RunOutline) throws -> [HookPoint] {
    let candidates = kinds.isEmpty ? all : all.filter { kinds.contains($0.kind) }
    var chosen: [ObjectIdentifier: HookPoint] = [:]
    for pattern in patterns.isEmpty ? ["*"] : patterns {
      let matcher = NamePattern(pattern)
      let named = candidates.filter { matcher.fits($0.name) || matcher.fits($0.layer) }
      guard !named.isEmpty else {
        let names = (candidates.isEmpty ? all : candidates).map(\.name)
        throw HookError.noSuchPoint(
          pattern: pattern, kinds: kinds.map(\.name).sorted(), near: NamePattern.nearest(to: pattern, among: names))
      }
      let firing = named.filter { reasonUnavailable($0, outline) == nil }
      if firing.isEmpty {
        throw HookError.cannotFire(
          pattern: pattern, points: named.map(\.name), reason: reasonUnavailable(named[0], outline) ?? "")
      }
      for point in firing { chosen[ObjectIdentifier(point)] = point }
    }
    try checkNumbers(of: Array(chosen.values), outline)
    return Array(chosen.values)
  }

  private func reasonUnavailable(_ point: HookPoint, _ outline: RunOutline) -> String? {
    if let reason = outline.reasonUnavailable(point) { return reason }
    return steps != nil && !outline.hasSteps(point)
      ? "they fire before or after the steps, but the hook selects steps" : nil
  }

  private func checkNumbers(of points: [HookPoint], _ outline: RunOutline) throws {
    let choices: [(isEmpty: Bool?, what: String)] = [
      (steps?.isEmpty, "steps"), (heads?.isEmpty, "heads"), (grids?.isEmpty, "feature map sizes"),
    ]
    if let empty = choices.first(where: { $0.isEmpty == true }) { throw HookError.nothingSelected(what: empty.what) }
    if let count = outline.steps, let steps, let beyond = steps.sorted().first(where: { !(0..<count).contains($0) }) {
      throw HookError.noSuchStep(step: beyond, steps: count)
    }
    if let heads {
      let fewest = points.filter { $0.heads != nil }.min { ($0.heads ?? 0, $0.name) < ($1.heads ?? 0, $1.name) }
      guard let first = heads.first, let last = heads.last, first >= 0, let count = fewest?.heads, count > last else {
        let point = fewest?.name ?? points.map(\.name).min() ?? "no point"
        throw HookError.noSuchHead(heads: heads, found: fewest?.heads ?? 0, point: point)
      }
    }
    if let grids, let met = outline.grids, let missing = grids.first(where: { !met.contains($0) }) {
      throw HookError.noSuchGrid(asked: missing, met: met.sorted { $0.count > $1.count })
    }
  }
}

extension HookSelection: CustomStringConvertible {
  public var description: String {
    let parts = [
      kinds.isEmpty ? nil : kinds.map(\.name).sorted().joined(separator: ", "),
      patterns.isEmpty ? nil : patterns.joined(separator: ", "), steps.map { "steps \($0.sorted())" },
      heads.map { "heads \($0)" }, grids.map { "sizes \($0.map(\.description).sorted().joined(separator: ", "))" },
    ].compactMap { $0 }
    return parts.isEmpty ? "everything" : parts.joined(separator: "; ")
  }
}
