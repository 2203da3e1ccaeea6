import Analysis
import Tensors
import TrainingData

/// A small square image in opponent colours: luma (0…1), red against green (−1…1), and yellow against blue (−1…1). A
/// pixel's fourth number is its weight.
///
/// All three are linear in red, green and blue, so patches can be composited in them. A rotation of the hue changes the
/// last two and hardly changes luma.
struct Patch: Sendable {
  /// Pixels per side.
  static let side = 32
  /// The longer side of a subject as a fraction of the patch's side.
  static let fill: Float = 0.84

  /// Row by row.
  var pixels: [SIMD4<Float>]

  /// The square around a box in an image `[3, H, W]`, 0…1. Beyond the image, the pixels of its edge are repeated.
  /// Stops the program if the image has another shape.
  init(_ image: Tensor, around box: Box) {
    guard image.rank == 3, image.shape[0] == 3 else { fail("Patch: expected an image [3, H, W], found \(image.shape)") }
    let (height, width) = (image.shape[1], image.shape[2])
    let area = height * width
    let (boxWidth, boxHeight) = ((box.x1 - box.x0) * Float(width), (box.y1 - box.y0) * Float(height))
    let size = max(boxWidth, boxHeight, 1) / Self.fill
    let left = (box.x0 + box.x1) / 2 * Float(width) - size / 2
    let top = (box.y0 + box.y1) / 2 * Float(height) - size / 2
    // If the patch is coarser than the image, each pixel is the mean of several points.
    let points = max(1, Int((size / Float(Self.side)).rounded(.up)) * 2 - 1)
    let step = size / Float(Self.side * points)
    pixels = image.withUnsafeBuffer { values in
      func color(_ x: Float, _ y: Float) -> SIMD4<Float> {
        let (x, y) = (min(max(x - 0.5, 0), Float(width - 1)), min(max(y - 0.5, 0), Float(height - 1)))
        let (column, row) = (min(Int(x), max(width - 2, 0)), min(Int(y), max(height - 2, 0)))
        let (fractionX, fractionY) = (x - Float(column), y - Float(row))
        func pixel(_ row: Int, _ column: Int) -> SIMD4<Float> {
          let index = min(row, height - 1) * width + min(column, width - 1)
          return SIMD4(values[index], values[area + index], values[2 * area + index], 1)
        }
        let upper = pixel(row, column) * (1 - fractionX) + pixel(row, column + 1) * fractionX
        let lower = pixel(row + 1, column) * (1 - fractionX) + pixel(row + 1, column + 1) * fractionX
        return upper * (1 - fractionY) + lower * fractionY
      }
      return (0..<Self.side * Self.side).map { index in
        var sum = SIMD4<Float>.zero
        for point in 0..<points * points {
          let x = Float(index % Self.side * points + point % points) + 0.5
          let y = Float(index / Self.side * points + point / points) + 0.5
          sum += color(left + x * step, top + y * step)
        }
        return Self.opponent(sum / Float(points * points))
      }
    }
  }

  /// A portrait, whose colours are divided by its alpha, and whose alpha becomes the weight.
  init(_ portrait: Portrait) {
    guard portrait.side == Self.side else {
      fail("Patch: expected a portrait with a side of \(Self.side) pixels, found \(portrait.side)")
    }
    pixels = portrait.pixels.map { pixel in
      var color = Self.opponent(pixel.w > 0 ? pixel / pixel.w : .zero)
      color.w = pixel.w
      return color
    }
  }

  private static func opponent(_ color: SIMD4<Float>) -> SIMD4<Float> {
    let (red, green, blue) = (color.x, color.y, color.z)
    return SIMD4(0.299 * red + 0.587 * green + 0.114 * blue, red - green, (red + green) / 2 - blue, color.w)
  }

  /// Mean of the outermost pixels: an estimate of the background.
  var rim: SIMD4<Float> {
    let last = Self.side - 1
    var (sum, count) = (SIMD4<Float>.zero, Float(0))
    for index in pixels.indices {
      let (row, column) = index.quotientAndRemainder(dividingBy: Self.side)
      if row == 0 || row == last || column == 0 || column == last { (sum, count) = (sum + pixels[index], count + 1) }
    }
    return sum / count
  }

  /// The patch composited over a uniform colour.
  func over(_ ground: SIMD4<Float>) -> Patch {
    var result = self
    for index in pixels.indices {
      let coverage = pixels[index].w
      result.pixels[index] = ground + (pixels[index] - ground) * coverage
      result.pixels[index].w = coverage
    }
    return result
  }

  /// The weight of each pixel, grown by `radius` pixels in all directions.
  func coverage(grownBy radius: Int) -> [Float] {
    let side = Self.side
    func grown(_ values: [Float], stride: Int, coordinate: (Int) -> Int) -> [Float] {
      values.indices.map { index in
        let position = coordinate(index)
        return (max(position - radius, 0)...min(position + radius, side - 1)).reduce(0) {
          max($0, values[index + ($1 - position) * stride])
        }
      }
    }
    let grownInRows = grown(pixels.map(\.w), stride: 1) { $0 % side }
    return grown(grownInRows, stride: side) { $0 / side }
  }
}
