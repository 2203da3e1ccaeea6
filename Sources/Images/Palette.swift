/// At most 256 colours that replace all colours of a set of images.
///
/// If the images have no more colours than that, all are kept. Otherwise the colours of large areas, such as a figure's
/// background, are kept, and the others are divided into boxes: the box with the greatest squared error is split at its
/// mean, along the channel with the greatest error, until there are enough (median cut, P. Heckbert 1982, with the
/// variance in place of the count). Two steps of Lloyd's algorithm then move each mean to the centre of the colours
/// that are nearest to it.
struct Palette {
  /// Red, green and blue, each in a byte: 0xRRGGBB.
  let colors: [Int]
  /// The nearest entry of each colour that was looked up so far; 256 for every other colour.
  private var nearest = [UInt16](repeating: 256, count: 1 << 24)

  static let size = 256

  init(of images: [PixelImage]) {
    var counts = [UInt32](repeating: 0, count: 1 << 24)
    for image in images {
      for offset in stride(from: 0, to: image.pixels.count, by: 3) { counts[image.color(at: offset)] += 1 }
    }
    var shades = counts.indices.compactMap { counts[$0] == 0 ? nil : Shade(color: $0, count: Double(counts[$0])) }
    if shades.count <= Self.size {
      colors = shades.map(\.color)
      return
    }
    // Fewer than a hundred colours can each cover more than 1 % of the pixels, so most entries remain for the others.
    let many = shades.reduce(0) { $0 + $1.count } / 100
    let kept = shades.filter { $0.count > many }
    shades.removeAll { $0.count > many }
    var means = Self.cut(&shades, into: Self.size - kept.count)
    for _ in 0..<2 {
      var sums = [SIMD4<Double>](repeating: .zero, count: means.count)
      for shade in shades { sums[Self.nearest(shade.rgb, means)] += SIMD4(shade.rgb, 1) * shade.count }
      for index in means.indices where sums[index].w > 0 { means[index] = sums[index].xyz / sums[index].w }
    }
    colors =
      kept.map(\.color)
      + means.map { mean in
        let color = mean.rounded(.toNearestOrEven)
        return Int(color.x) << 16 | Int(color.y) << 8 | Int(color.z)
      }
  }

  /// The palette index of each pixel of an image.
  /// - Parameter dithered: Whether the error of each pixel is passed on to its neighbours (Floyd and Steinberg 1976).
  mutating func indices(of image: PixelImage, dithered: Bool) -> [UInt8] {
    guard dithered else {
      return stride(from: 0, to: image.pixels.count, by: 3).map { index(of: image.color(at: $0)) }
    }
    var result: [UInt8] = []
    result.reserveCapacity(image.width * image.height)
    // Errors of this row and the next, padded by one at each end.
    var errors = [SIMD3<Float>](repeating: .zero, count: image.width + 2)
    for y in 0..<image.height {
      var below = [SIMD3<Float>](repeating: .zero, count: image.width + 2)
      for x in 0..<image.width {
        let wanted = (SIMD3<Float>(image.color(at: 3 * (y * image.width + x))) + errors[x + 1])
          .clamped(lowerBound: .zero, upperBound: SIMD3(repeating: 255))
        let rounded = wanted.rounded(.toNearestOrEven)
        let index = index(of: Int(rounded.x) << 16 | Int(rounded.y) << 8 | Int(rounded.z))
        let error = wanted - SIMD3<Float>(colors[Int(index)])
        errors[x + 2] += error * (7 / 16)
        below[x] += error * (3 / 16)
        below[x + 1] += error * (5 / 16)
        below[x + 2] += error * (1 / 16)
        result.append(index)
      }
      errors = below
    }
    return result
  }

  private mutating func index(of color: Int) -> UInt8 {
    if nearest[color] == 256 {
      let rgb = SIMD3<Int32>(color)
      var (best, least) = (0, Int32.max)
      for (index, entry) in colors.enumerated() {
        let difference = SIMD3<Int32>(entry) &- rgb
        let distance = (difference &* difference).wrappedSum()
        if distance < least { (best, least) = (index, distance) }
      }
      nearest[color] = UInt16(best)
    }
    return UInt8(nearest[color])
  }

  /// A colour and how many pixels have it.
  private struct Shade {
    let color: Int
    let count: Double
    var rgb: SIMD3<Double> { SIMD3<Double>(color) }
  }

  /// A box of colours: a range of the list of shades, the colours' mean, and their squared error along the channel in
  /// which it is greatest.
  private struct Box {
    let range: Range<Int>
    let mean: SIMD3<Double>
    let channel: Int
    let error: Double

    init(_ shades: [Shade], _ range: Range<Int>) {
      var (count, sum, squares) = (0.0, SIMD3<Double>.zero, SIMD3<Double>.zero)
      for shade in shades[range] {
        count += shade.count
        sum += shade.rgb * shade.count
        squares += shade.rgb * shade.rgb * shade.count
      }
      let errors = squares - sum * sum / count
      (self.range, mean) = (range, sum / count)
      channel = (0..<3).max { errors[$0] < errors[$1] } ?? 0
      error = range.count > 1 ? errors[channel] : 0
    }
  }

  /// Splits the colours into boxes and returns the mean of each.
  private static func cut(_ shades: inout [Shade], into count: Int) -> [SIMD3<Double>] {
    var boxes = [Box(shades, shades.indices)]
    while boxes.count < count {
      guard let widest = boxes.indices.max(by: { boxes[$0].error < boxes[$1].error }), boxes[widest].error > 0 else {
        break
      }
      let box = boxes[widest]
      let middle = shades[box.range].partition { $0.rgb[box.channel] > box.mean[box.channel] }
      // Rounding may put a mean at the box's edge; then the box cannot be split.
      guard middle > box.range.lowerBound, middle < box.range.upperBound else { break }
      boxes[widest] = Box(shades, box.range.lowerBound..<middle)
      boxes.append(Box(shades, middle..<box.range.upperBound))
    }
    return boxes.map(\.mean)
  }

  private static func nearest(_ rgb: SIMD3<Double>, _ means: [SIMD3<Double>]) -> Int {
    var (best, least) = (0, Double.infinity)
    for (index, mean) in means.enumerated() {
      let difference = mean - rgb
      let distance = (difference * difference).sum()
      if distance < least { (best, least) = (index, distance) }
    }
    return best
  }
}

extension PixelImage {
  /// The colour of the pixel whose bytes begin at an offset: 0xRRGGBB.
  func color(at offset: Int) -> Int {
    Int(pixels[offset]) << 16 | Int(pixels[offset + 1]) << 8 | Int(pixels[offset + 2])
  }
}

extension SIMD3 {
  fileprivate init(_ color: Int) where Scalar == Double {
    self.init(Double(color >> 16), Double(color >> 8 & 255), Double(color & 255))
  }

  fileprivate init(_ color: Int) where Scalar == Float {
    self.init(Float(color >> 16), Float(color >> 8 & 255), Float(color & 255))
  }

  fileprivate init(_ color: Int) where Scalar == Int32 {
    self.init(Int32(color >> 16), Int32(color >> 8 & 255), Int32(color & 255))
  }
}

extension SIMD4 {
  fileprivate var xyz: SIMD3<Scalar> { SIMD3(x, y, z) }
}
