import Foundation

extension Canvas {
  /// Draws a background over the whole canvas, with as much detail as the rules allow.
  func draw(_ backdrop: Backdrop, _ rules: SceneRules) {
    guard let small = rules.backdropSide else { return draw(backdrop) }
    let canvas = Canvas(side: small)
    canvas.draw(backdrop)
    enlarge(canvas)
  }

  /// Draws a background over the whole canvas.
  func draw(_ backdrop: Backdrop) {
    var random = SceneRandom(backdrop.seed, 0x6261_636b)
    let palette = Palette(backdrop, &random)
    let noise = Noise(seed: UInt32(truncatingIfNeeded: backdrop.seed))
    switch backdrop.place {
    case nil: drawPlain(palette, noise, &random)
    case .room: drawRoom(palette, noise, &random)
    case .jungle: drawJungle(palette, noise, &random)
    case .snow: drawSnow(palette, noise, &random)
    case .beach: drawBeach(palette, noise, &random)
    case .grass: drawGrass(palette, noise, &random)
    case .street: drawStreet(palette, noise, &random)
    }
  }

  /// A gradient between two muted colours.
  private func drawPlain(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let first = palette(Color.hsv(random.uniform(0...360), random.uniform(0...0.45), random.uniform(0.25...0.95)))
    let second = first.mixed(
      with: .hsv(random.uniform(0...360), random.uniform(0...0.4), random.uniform(0.3...0.95)), random.uniform(0...0.6))
    let angle = random.uniform(0...2 * .pi)
    let (dx, dy, rough) = (cos(angle), sin(angle), random.uniform(0...0.3))
    fill { x, y in
      let fraction = 0.5 + (x - 0.5) * dx + (y - 0.5) * dy + rough * (noise(x * 3, y * 3) - 0.5) * 2
      return first.mixed(with: second, min(max(fraction, 0), 1))
    }
  }

  /// A wall, usually with striped paper, with up to two pictures or windows; a skirting board; a floor of planks.
  private func drawRoom(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let wall = palette(.rgb(214, 178, 140))
    let floor = palette.related(.rgb(139, 90, 52))
    let horizon = random.uniform(0.58...0.76)
    let (stripes, depth) = (random.uniform(5...13), random.happens(0.65) ? random.uniform(0.04...0.12) : 0)
    let fall = random.uniform(-0.25...0.25)
    fill { x, y in
      if y < horizon {
        let stripe: Float = Int(x * stripes * 2) & 1 == 0 ? depth : -depth
        return wall * (1 + stripe + fall * (x - 0.5) - 0.1 * (1 - y))
      }
      let near = (y - horizon) / (1 - horizon)
      let across = (x - 0.5) / (0.45 + 0.55 * near) * 5 + 20
      let plank = across.rounded(.down)
      let seam: Float = across - plank < 0.08 ? 0.72 : 1
      return floor
        * ((0.85 + 0.3 * noise.cell(Int32(plank), 1)) * seam * (0.93 + 0.14 * noise(plank * 7 + x * 2, y * 9)))
    }
    rectangle(SIMD2(-1, horizon - 0.035), SIMD2(2, horizon), wall.mixed(with: .one, 0.6))
    for _ in 0..<random.below(3) {
      let size = SIMD2(random.uniform(0.14...0.3), random.uniform(0.16...0.3))
      let corner = SIMD2(random.uniform(0...1) - size.x / 2, random.uniform(0.04...0.2))
      let frame = palette.related(.rgb(100, 70, 50))
      rectangle(corner, corner + size, frame)
      let inner = random.happens(0.5) ? Color.rgb(190, 220, 240) : palette.related(.rgb(170, 120, 90))
      rectangle(corner + 0.02, corner + size - 0.02, inner)
      rectangle(
        SIMD2(corner.x + 0.02, corner.y + size.y * 0.55), corner + size - 0.02, inner * random.uniform(0.6...0.9))
    }
  }

  /// A dark green background, a few tree trunks, and overlapping leaves that get brighter towards the front.
  private func drawJungle(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let (dark, bright) = (palette(.rgb(10, 44, 24)), palette(.rgb(70, 140, 46)))
    fill { x, y in dark.mixed(with: bright, 0.35 * noise(x * 5, y * 5) + 0.15 * (1 - y)) }
    for _ in 0..<2 + random.below(3) {
      let (x, width) = (random.uniform(0...1), random.uniform(0.025...0.07))
      rectangle(SIMD2(x, -1), SIMD2(x + width, 2), palette(.rgb(64, 46, 30)) * random.uniform(0.6...1.2))
    }
    for leaf in 0..<54 {
      let fraction = Float(leaf) / 54
      let angle = random.uniform(0...2 * .pi)
      let length = random.uniform(0.06...0.15)
      let color = dark.mixed(with: bright, 0.25 + 0.6 * fraction * random.uniform(0.4...1.2))
      ellipse(
        SIMD2(random.uniform(0...1), random.uniform(0...1)), SIMD2(length, length * random.uniform(0.25...0.45)),
        turn: SIMD2(cos(angle), sin(angle)), color, shine: 0.25)
    }
  }

  /// A pale sky, snowy hills with firs, and falling flakes.
  private func drawSnow(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let (sky, haze) = (palette(.rgb(126, 164, 206)), palette(.rgb(205, 217, 232)))
    let ground = Color.rgb(240, 245, 251).mixed(with: palette(.rgb(200, 220, 245)), 0.3)
    let horizon = random.uniform(0.3...0.55)
    let (slope, waves) = (random.uniform(-0.15...0.15), random.uniform(2...4))
    fill { x, y in sky.mixed(with: haze, min(y / horizon, 1)) }
    for _ in 0..<2 + random.below(6) {
      let (x, height) = (random.uniform(0...1), random.uniform(0.12...0.28))
      let green = palette.related(.rgb(42, 84, 74)) * random.uniform(0.7...1.1)
      for tier in 0..<3 {
        let top = SIMD2(x, horizon + 0.05 + slope * (x - 0.5) - height * (1 - 0.25 * Float(tier)))
        triangle(top: top, height: height * 0.5, halfBase: height * (0.16 + 0.07 * Float(tier)), green)
      }
    }
    fill(rows: row(horizon - 0.2)..<side) { x, y, old in
      let edge = horizon + slope * (x - 0.5) + 0.08 * (noise(x * waves, 3) - 0.5)
      let depth = y - edge
      let fraction = min(max(depth * Float(side) + 0.5, 0), 1)
      guard fraction > 0 else { return old }
      let drift = 0.86 + 0.16 * noise(x * 4 + 9, y * 9)
      return old.mixed(with: ground * (drift - 0.06 * (y - horizon)), fraction)
    }
    for _ in 0..<18 + random.below(40) {
      let radius = random.uniform(0.005...0.014)
      ellipse(SIMD2(random.uniform(0...1), random.uniform(0...1)), SIMD2(radius, radius), .one, opacity: 0.9)
    }
  }

  /// A sky, sometimes with a sun or clouds, a band of sea with waves, and sand.
  private func drawBeach(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let (sky, haze) = (palette(.rgb(88, 172, 232)), palette(.rgb(196, 228, 246)))
    let (sea, shallow) = (palette(.rgb(20, 104, 168)), palette(.rgb(84, 196, 200)))
    let sand = palette(.rgb(236, 204, 140))
    let horizon = random.uniform(0.22...0.42)
    let shore = horizon + random.uniform(0.1...0.22)
    let (phase, slope) = (random.uniform(0...6), random.uniform(-0.12...0.12))
    fill { x, y in
      if y < horizon { return sky.mixed(with: haze, y / horizon) }
      let edge = shore + slope * (x - 0.5) + 0.015 * sin(x * 9 + phase)
      if y < edge {
        let wave: Float = noise(x * 5, y * 60) > 0.68 ? 0.35 : 0
        return sea.mixed(with: shallow, (y - horizon) / (edge - horizon)).mixed(with: .one, wave)
      }
      let foam = max(0, 1 - (y - edge) * 45)
      let wet = min((y - edge) * 9, 1)
      let grain = 0.9 + 0.2 * noise(x * 55, y * 55) * wet + 0.06 * noise(x * 5, y * 12)
      return (sand * (0.72 + 0.22 * wet) * grain).mixed(with: .one, foam * 0.85)
    }
    if random.happens(0.4) {
      let radius = random.uniform(0.035...0.07)
      let center = SIMD2(random.uniform(0.1...0.9), random.uniform(0.06...0.16))
      ellipse(center, SIMD2(radius, radius), .rgb(255, 244, 190))
    }
    for _ in 0..<random.below(4) {
      let center = SIMD2(random.uniform(0...1), random.uniform(0.03...0.16))
      ellipse(center, SIMD2(random.uniform(0.08...0.16), random.uniform(0.015...0.03)), .one, opacity: 0.7)
    }
  }

  /// A strip of sky over a meadow with blades of grass and up to 15 flowers.
  private func drawGrass(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let (sky, haze) = (palette.related(.rgb(130, 190, 240)), palette.related(.rgb(214, 234, 246)))
    let (dark, bright) = (palette(.rgb(52, 128, 36)), palette(.rgb(138, 200, 62)))
    let horizon = random.uniform(0.08...0.34)
    let (hills, height) = (random.uniform(1.5...4), random.uniform(0...0.12))
    fill { x, y in
      let ridge = horizon - height * noise(x * hills, 5)
      if y < ridge { return sky.mixed(with: haze, y / horizon) }
      if y < horizon { return dark * 0.8 }
      let blades = noise(x * 48, y * 14)
      return dark.mixed(with: bright, 0.15 + 0.5 * blades + 0.35 * noise(x * 3, y * 5)) * (0.82 + 0.25 * y)
    }
    let bloom = Color.hsv(random.uniform(0...360), 0.5, 1)
    for _ in 0..<random.below(16) {
      let radius = random.uniform(0.006...0.014)
      ellipse(SIMD2(random.uniform(0...1), random.uniform(horizon + 0.05...1)), SIMD2(radius, radius), bloom)
    }
  }

  /// Rows of rounded stones that get narrower with distance, usually below house fronts.
  private func drawStreet(_ palette: Palette, _ noise: Noise, _ random: inout SceneRandom) {
    let (stone, mortar) = (palette(.rgb(150, 142, 134)), palette(.rgb(62, 58, 56)))
    let horizon = random.happens(0.7) ? random.uniform(0.15...0.42) : 0
    let (rows, columns) = (random.uniform(7...10), random.uniform(5...7))
    fill { x, y in
      guard y >= horizon else { return mortar }
      let near = (y - horizon) / (1 - horizon)
      let across = 0.35 + 0.65 * near
      let down = rows * (1 + 0.6 * horizon) * near.squareRoot() * 0.9
      let row = down.rounded(.down)
      let along = (x - 0.5) / across * columns + (Int(row) & 1 == 0 ? 0.5 : 0) + 32
      let column = along.rounded(.down)
      let (u, v) = ((along - column - 0.5) * 2, (down - row - 0.5) * 2)
      let (u2, v2) = (u * u, v * v)
      let round = u2 * u2 + v2 * v2
      let tone = 0.78 + 0.4 * noise.cell(Int32(column), Int32(row)) - 0.12 * v
      return (stone * tone).mixed(with: mortar, min(max(round * 1.8 - 0.75, 0), 1))
    }
    guard horizon > 0 else { return }
    var left = random.uniform(-0.2...0)
    while left < 1 {
      let width = random.uniform(0.18...0.34)
      let front = Color.hsv(random.uniform(10...50), random.uniform(0.2...0.5), random.uniform(0.5...0.85))
      rectangle(SIMD2(left, -1), SIMD2(left + width, horizon), palette.related(front))
      for window in 0..<2 {
        let corner = SIMD2(left + width * (0.14 + 0.44 * Float(window)), horizon * 0.25)
        rectangle(corner, corner + SIMD2(width * 0.26, horizon * 0.4), .rgb(48, 58, 74))
      }
      left += width
    }
  }
}

/// Turns the standard colours of a place into the colours of one of its palettes, and varies their lightness a little.
private struct Palette {
  private let own, other: Hue
  private let gain: Float

  init(_ backdrop: Backdrop, _ random: inout SceneRandom) {
    let step = Float(backdrop.palette) - 5.5
    let turn: Float =
      switch backdrop.place {
      case nil: 0
      case .room: 30
      case .street: 16
      case .snow: 11
      case .jungle, .grass: 7
      case .beach: 6
      }
    // Neighbouring palettes also differ in lightness, and the lightness varies a little with the seed.
    own = Hue(degrees: step * turn)
    other = Hue(degrees: step * -turn)
    gain = [0.82, 1.05, 0.94][backdrop.palette % 3] * random.uniform(0.92...1.08)
  }

  func callAsFunction(_ color: Color) -> Color { finished(own(color)) }
  /// For secondary colours: the hue turns in the opposite direction.
  func related(_ color: Color) -> Color { finished(other(color)) }
  private func finished(_ color: Color) -> Color { (color.clamped() * gain).clamped() }
}

/// Smooth noise 0…1: a pseudo-random number at each whole coordinate, interpolated between them.
struct Noise {
  let seed: UInt32

  /// The pseudo-random number 0…1 at a pair of whole coordinates; a function of the coordinates and the seed.
  @inline(__always) func cell(_ x: Int32, _ y: Int32) -> Float {
    var bits = UInt32(bitPattern: x) &* 0x8da6_b343 ^ UInt32(bitPattern: y) &* 0xd816_3841 ^ seed
    bits = (bits ^ (bits >> 16)) &* 0x7feb_352d
    bits = (bits ^ (bits >> 15)) &* 0x846c_a68b
    return Float((bits ^ (bits >> 16)) >> 8) * 0x1p-24
  }

  /// The noise at any point, interpolated smoothly. Coordinates must not be negative.
  @inline(__always) func callAsFunction(_ x: Float, _ y: Float) -> Float {
    let (left, top) = (Int32(x), Int32(y))
    let (u, v) = (x - Float(left), y - Float(top))
    let (fractionX, fractionY) = (u * u * (3 - 2 * u), v * v * (3 - 2 * v))
    let upper = cell(left, top) + (cell(left &+ 1, top) - cell(left, top)) * fractionX
    let lower = cell(left, top &+ 1) + (cell(left &+ 1, top &+ 1) - cell(left, top &+ 1)) * fractionX
    return upper + (lower - upper) * fractionY
  }
}
