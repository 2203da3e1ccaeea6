/// Places groups in an image at random sizes and positions, with little overlap. If they are scattered, a few are cut
/// off by an edge.
struct Layout {
  /// The groups at their final positions, from back to front.
  static func placed(_ groups: [Group], _ rules: SceneRules, _ random: inout SceneRandom) -> [Group] {
    switch rules.placement {
    case .scattered: scattered(groups, &random)
    case .preset: preset(groups, turning: rules.turning, &random)
    }
  }

  /// Places each group in its own part of the image: the middle, or halves, thirds or quarters in random order. A group
  /// has a random size that fits its part, and a random position within it.
  private static func preset(_ groups: [Group], turning: Float, _ random: inout SceneRandom) -> [Group] {
    let parts = random.shuffled(PresetPart.parts(for: groups.count, &random))
    let placed = zip(groups, parts).map { group, part -> (group: Group, bottom: Float) in
      let rotation = turn(&random) * turning
      let bounds = group.bounds(rotation: rotation)
      let extent = bounds.high - bounds.low
      let scale = min(random.uniform(part.sizes) / extent.max(), (part.span / extent).min())
      let slack = part.span - extent * scale
      let low = part.low + slack * SIMD2(random.unit(), random.unit())
      return (
        group.placed(center: low - bounds.low * scale, scale: scale, rotation: rotation), low.y + extent.y * scale
      )
    }
    return placed.sorted { $0.bottom < $1.bottom }.map(\.group)
  }

  private static func scattered(_ groups: [Group], _ random: inout SceneRandom) -> [Group] {
    var taken: [(low: SIMD2<Float>, high: SIMD2<Float>)] = []
    var result: [(group: Group, bottom: Float)] = []
    // Large groups first: they are harder to place.
    let sizes = groups.map { size($0, among: groups.count, &random) }
    for index in groups.indices.sorted(by: { sizes[$0] > sizes[$1] }) {
      let group = groups[index]
      let isAlone = group.parts.count == 1
      let rotation = isAlone ? turn(&random) : random.uniform(-0.14...0.14)
      let bounds = group.bounds(rotation: rotation)
      let extent = bounds.high - bounds.low
      var size = sizes[index]
      var best: (overlap: Float, low: SIMD2<Float>, size: Float)?
      for attempt in 0..<48 {
        if attempt > 0, attempt.isMultiple(of: 16) { size *= 0.86 }
        let sides = extent * (size / extent.max())
        let low = SIMD2(start(sides.x, isAlone, &random), start(sides.y, isAlone, &random))
        let overlap = taken.map { Self.overlap($0, (low, low + sides)) }.max() ?? 0
        if overlap < (best?.overlap ?? .infinity) { best = (overlap, low, size) }
        if overlap <= 0.04 { break }
      }
      guard let best else { continue }
      let scale = best.size / extent.max()
      let placed = group.placed(center: best.low - bounds.low * scale, scale: scale, rotation: rotation)
      taken.append((best.low, best.low + extent * scale))
      result.append((placed, best.low.y + extent.y * scale))
    }
    return result.sorted { $0.bottom < $1.bottom }.map(\.group)
  }

  /// A random length for a group's longer side, as a fraction of the image's side.
  private static func size(_ group: Group, among count: Int, _ random: inout SceneRandom) -> Float {
    let range: ClosedRange<Float> =
      switch (group.parts.count > 1, count) {
      case (true, 1): group.parts.count > 2 ? 0.82...0.98 : 0.62...0.92
      case (true, 2): 0.52...0.7
      case (true, _): 0.46...0.6
      case (false, 1): 0.34...0.66
      case (false, 2): 0.29...0.54
      case (false, 3): 0.26...0.42
      case (false, _): 0.23...0.36
      }
    return random.uniform(range)
  }

  /// A random rotation in radians, clockwise or anticlockwise: within 8° in 60 % of cases, otherwise within 25°.
  private static func turn(_ random: inout SceneRandom) -> Float {
    let limit: Float = random.happens(0.6) ? 0.14 : 0.436
    return random.uniform(-limit...limit)
  }

  /// A random start of a box along one axis; if the box may be cut, the image's edge sometimes cuts off a little of it.
  private static func start(_ side: Float, _ mayBeCut: Bool, _ random: inout SceneRandom) -> Float {
    let slack = mayBeCut && random.happens(0.15) ? 0.12 * side : 0
    return random.uniform(min(0, 1 - side) - slack...max(0, 1 - side) + slack)
  }

  /// The area of the intersection as a fraction of the smaller box's area.
  private static func overlap(
    _ a: (low: SIMD2<Float>, high: SIMD2<Float>), _ b: (low: SIMD2<Float>, high: SIMD2<Float>)
  ) -> Float {
    let shared = pointwiseMax(pointwiseMin(a.high, b.high) - pointwiseMax(a.low, b.low), .zero)
    let (first, second) = (a.high - a.low, b.high - b.low)
    return shared.x * shared.y / min(first.x * first.y, second.x * second.y)
  }
}

/// A part of the image for one group, in fractions of the image's side.
private struct PresetPart {
  let low, span: SIMD2<Float>
  /// Range for the longer side of the group.
  let sizes: ClosedRange<Float>

  private init(_ x: Float, _ y: Float, _ width: Float, _ height: Float, _ sizes: ClosedRange<Float>) {
    (low, span, self.sizes) = (SIMD2(x, y), SIMD2(width, height), sizes)
  }

  /// One part per group; parts do not overlap.
  static func parts(for count: Int, _ random: inout SceneRandom) -> [Self] {
    switch count {
    case 1: return [Self(0.1, 0.1, 0.8, 0.8, 0.42...0.66)]
    case 2:
      let halves: ClosedRange<Float> = 0.36...0.5
      // Side by side, one above the other, or in opposite corners.
      switch random.index(in: [0.7, 0.12, 0.18]) {
      case 0: return [Self(0, 0.12, 0.5, 0.76, halves), Self(0.5, 0.12, 0.5, 0.76, halves)]
      case 1: return [Self(0.12, 0, 0.76, 0.5, halves), Self(0.12, 0.5, 0.76, 0.5, halves)]
      default:
        let isRising = random.happens(0.5)
        return [Self(0, isRising ? 0.5 : 0, 0.5, 0.5, halves), Self(0.5, isRising ? 0 : 0.5, 0.5, 0.5, halves)]
      }
    case 3 where random.happens(0.5):
      return (0..<3).map { Self(Float($0) / 3, 0.15, 1 / 3, 0.7, 0.3...0.4) }
    case 3:
      let sizes: ClosedRange<Float> = 0.34...0.46
      let top: Float = random.happens(0.5) ? 0 : 0.5
      return [
        Self(0.15, top, 0.7, 0.5, sizes), Self(0, 0.5 - top, 0.5, 0.5, sizes), Self(0.5, 0.5 - top, 0.5, 0.5, sizes),
      ]
    default: return (0..<count).map { Self($0 & 1 == 0 ? 0 : 0.5, $0 < 2 ? 0 : 0.5, 0.5, 0.5, 0.34...0.46) }
    }
  }
}
