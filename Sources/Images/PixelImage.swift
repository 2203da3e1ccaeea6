import Foundation
import Tensors

/// An image of 8 bits per channel: red, green and blue of each pixel, row by row.
public struct PixelImage: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// 3 · width · height bytes.
  public var pixels: [UInt8]

  /// Stops the program if a side is not positive or `pixels` does not hold 3 · width · height bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    guard width > 0, height > 0, pixels.count == 3 * width * height else {
      fail("PixelImage: expected positive sides and 3 bytes per pixel, found \(width)×\(height), \(pixels.count) bytes")
    }
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }

  /// An image of one colour. Stops the program if a side is not positive.
  public init(width: Int, height: Int, red: UInt8 = 0, green: UInt8 = 0, blue: UInt8 = 0) {
    guard width > 0, height > 0 else { fail("PixelImage: expected positive sides, found \(width)×\(height)") }
    var pixels = [UInt8](repeating: red, count: 3 * width * height)
    for offset in stride(from: 0, to: pixels.count, by: 3) { (pixels[offset + 1], pixels[offset + 2]) = (green, blue) }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// An image from numbers in 0…1, [3, height, width], clamped and rounded half to even, as published pipelines do.
  /// Stops the program at a different shape, and at NaN, which clamping would hide.
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

  /// Red, green and blue of a pixel. Stops the program if the pixel is outside the image.
  public subscript(x: Int, y: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    guard x >= 0, x < width, y >= 0, y < height else {
      fail("PixelImage: (\(x), \(y)) lies outside \(width)×\(height)")
    }
    let start = 3 * (y * width + x)
    return (pixels[start], pixels[start + 1], pixels[start + 2])
  }

  /// A rectangle of the image. Stops the program if the rectangle is empty or extends beyond the image.
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

  /// The middle of the image; if the image is smaller, a black border fills the rest. Stops the program if a side is
  /// not positive.
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

  /// The image, black wherever the mean of the mask's channels is below 128. Stops the program if the mask and the
  /// image differ in size.
  public func masked(by mask: PixelImage) -> PixelImage {
    guard (mask.width, mask.height) == (width, height) else {
      fail("masked: expected a mask of the image's size \(width)×\(height), found \(mask.width)×\(mask.height)")
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
