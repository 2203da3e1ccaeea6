import Foundation
import Tensors

/// The kernels that Pillow resizes with.
public enum ResizeFilter: String, Sendable, CaseIterable {
  case box, bilinear, bicubic, lanczos

  /// Half the kernel's width in input pixels. If the image shrinks, the kernel is widened by the ratio of the sizes.
  var support: Double {
    switch self {
    case .box: 0.5
    case .bilinear: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  func weight(_ x: Double) -> Double {
    let distance = abs(x)
    switch self {
    case .box: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bilinear: return max(0, 1 - distance)
    case .bicubic:
      let a = -0.5
      if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0
    case .lanczos:
      func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(x * .pi) / (x * .pi) }
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0
    }
  }
}

extension PixelImage {
  /// Resizes the image, antialiased, byte for byte like `Image.resize` of Pillow up to version 12: first along
  /// rows, then along columns, with weights of 22 bits and 8-bit pixels in between. Pillow 13 resizes along columns
  /// first if the height shrinks more than the width; the published pipelines used older versions. Stops the program if
  /// a side is not positive.
  public func resized(width: Int, height: Int, filter: ResizeFilter = .bicubic) -> PixelImage {
    guard width > 0, height > 0 else { fail("resized: expected positive sides, found \(width)×\(height)") }
    var image = self
    if width != image.width {
      let taps = (0..<width).map { Taps(at: $0, from: image.width, to: width, filter) }
      image = image.filtered(width: width, height: image.height, taps, alongRows: true)
    }
    if height != image.height {
      let taps = (0..<height).map { Taps(at: $0, from: image.height, to: height, filter) }
      image = image.filtered(width: width, height: height, taps, alongRows: false)
    }
    return image
  }

  private func filtered(width: Int, height: Int, _ taps: [Taps], alongRows: Bool) -> PixelImage {
    let step = alongRows ? 3 : 3 * self.width
    let result = pixels.withUnsafeBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: 3 * width * height) { target, count in
        for y in 0..<height {
          for x in 0..<width {
            let tap = taps[alongRows ? x : y]
            let start = alongRows ? 3 * (y * self.width + tap.first) : 3 * (tap.first * self.width + x)
            tap.weights.withUnsafeBufferPointer { weights in
              for channel in 0..<3 {
                var sum: Int32 = 1 << (Taps.bits - 1)
                for index in 0..<weights.count {
                  sum &+= Int32(source[start + channel + index * step]) &* weights[index]
                }
                target[3 * (y * width + x) + channel] = UInt8(clamping: sum >> Taps.bits)
              }
            }
          }
        }
        count = 3 * width * height
      }
    }
    return PixelImage(width: width, height: height, pixels: result)
  }
}

/// The input pixels that one output pixel depends on, with weights in fixed point.
private struct Taps {
  static let bits: Int32 = 22
  let first: Int
  let weights: [Int32]

  init(at position: Int, from: Int, to: Int, _ filter: ResizeFilter) {
    let scale = Double(from) / Double(to)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    let centre = (Double(position) + 0.5) * scale
    first = max(0, Int(centre - support + 0.5))
    let end = min(from, Int(centre + support + 0.5))
    let raw = (first..<max(end, first + 1)).map { filter.weight((Double($0) - centre + 0.5) * (1 / stretch)) }
    let sum = raw.reduce(0, +)
    weights = raw.map { weight in
      let value = (sum == 0 ? weight : weight / sum) * Double(1 << Self.bits)
      return Int32(value < 0 ? value - 0.5 : value + 0.5)
    }
  }
}
