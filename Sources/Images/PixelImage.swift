import Foundation
import Tensors

/// An image of 8 bits per channel: red, green and blue of each pixel, row by row.
public struct PixelImage: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// 3 · width · height bytes.
  public var pixels: [UInt8]

  /// Stops the program if `pixels` does not hold 3 · width · height bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    guard width > 0, height > 0, pixels.count == 3 * width * height else {
      fail("PixelImage: \(pixels.count) bytes do not fill \(width)×\(height) pixels of 3")
    }
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// An image of one colour.
  public init(width: Int, height: Int, red: UInt8 = 0, green: UInt8 = 0, blue: UInt8 = 0) {
    guard width > 0, height > 0 else { fail("PixelImage: \(width)×\(height) is not a valid size") }
    var pixels = [UInt8](repeating: red, count: 3 * width * height)
    for offset in stride(from: 0, to: pixels.count, by: 3) { (pixels[offset + 1], pixels[offset + 2]) = (green, blue) }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// An image of numbers [3, height, width] in 0…1, clamped and rounded half to even, as published pipelines do.
  /// Stops the program at NaN, which clamping would hide.
  public init(_ tensor: Tensor) {
    guard tensor.rank == 3, tensor.shape[0] == 3 else {
      fail("PixelImage: expected shape [3, H, W], found \(tensor.shape)")
    }
    let (height, width) = (tensor.shape[1], tensor.shape[2])
    let area = height * width
    let pixels = tensor.withUnsafeBuffer { values in
      [UInt8](unsafeUninitializedCapacity: 3 * area) { bytes, count in
        for pixel in 0..<area {
          for channel in 0..<3 {
            let value = (values[channel * area + pixel] * 255).rounded(.toNearestOrEven)
            if value.isNaN {
              fail("PixelImage: channel \(channel) of pixel (\(pixel % width), \(pixel / width)) is NaN")
            }
            bytes[pixel * 3 + channel] = value >= 255 ? 255 : value > 0 ? UInt8(value) : 0
          }
        }
        count = 3 * area
      }
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// The image as numbers 0…1, [3, height, width].
  public func tensor() -> Tensor {
    let area = width * height
    return Tensor(shape: [3, height, width]) { buffer in
      for pixel in 0..<area {
        for channel in 0..<3 { buffer[channel * area + pixel] = Float(pixels[pixel * 3 + channel]) / 255 }
      }
    }
  }

  /// Red, green and blue of a pixel.
  public subscript(x: Int, y: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    guard x >= 0, x < width, y >= 0, y < height else {
      fail("PixelImage: (\(x), \(y)) lies outside \(width)×\(height)")
    }
    let start = 3 * (y * width + x)
    return (pixels[start], pixels[start + 1], pixels[start + 2])
  }

  /// A rectangle of the image. Stops the program if it extends beyond the image.
  public func cropped(x: Int, y: Int, width: Int, height: Int) -> PixelImage {
    guard x >= 0, y >= 0, width > 0, height > 0, x + width <= self.width, y + height <= self.height else {
      fail("cropped: \(width)×\(height) at (\(x), \(y)) lies outside \(self.width)×\(self.height)")
    }
    var rows: [UInt8] = []
    rows.reserveCapacity(3 * width * height)
    for row in y..<y + height {
      let start = 3 * (row * self.width + x)
      rows += pixels[start..<start + 3 * width]
    }
    return PixelImage(width: width, height: height, pixels: rows)
  }

  /// The middle of the image; if the image is smaller, a black border fills the rest.
  public func centerCropped(width: Int, height: Int) -> PixelImage {
    let (left, top) = ((self.width - width).floorHalf, (self.height - height).floorHalf)
    if left >= 0, top >= 0 { return cropped(x: left, y: top, width: width, height: height) }
    var result = PixelImage(width: width, height: height)
    for y in max(0, -top)..<min(height, self.height - top) {
      for x in max(0, -left)..<min(width, self.width - left) {
        for channel in 0..<3 {
          result.pixels[3 * (y * width + x) + channel] = pixels[3 * ((y + top) * self.width + x + left) + channel]
        }
      }
    }
    return result
  }

  /// The image, black wherever the mask (an image of the same size) is darker than half.
  public func masked(by mask: PixelImage) -> PixelImage {
    guard (mask.width, mask.height) == (width, height) else {
      fail("masked: a mask of \(mask.width)×\(mask.height) for an image of \(width)×\(height)")
    }
    var result = self
    for pixel in 0..<width * height {
      let brightness = (0..<3).reduce(0) { $0 + Int(mask.pixels[3 * pixel + $1]) }
      if brightness < 3 * 128 {
        for channel in 0..<3 { result.pixels[3 * pixel + channel] = 0 }
      }
    }
    return result
  }
}

extension PixelImage: CustomStringConvertible, CustomReflectable {
  /// Size and mean colour on one line.
  public var description: String {
    let means = (0..<3).map { channel in
      stride(from: channel, to: pixels.count, by: 3).reduce(0) { $0 + Int(pixels[$1]) } / (width * height)
    }
    return "Image \(width)×\(height), mean colour \(means)"
  }

  public var customMirror: Mirror { Mirror(self, children: ["image": description]) }
}

extension Int {
  /// Half the number, rounded down.
  fileprivate var floorHalf: Int { self >> 1 }
}
