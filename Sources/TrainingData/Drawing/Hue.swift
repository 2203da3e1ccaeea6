import Foundation

/// A rotation of the hue that keeps luminance: a 3×3 matrix on colours, as in the hue rotation of SVG filters. It is
/// linear, so it works on premultiplied colours too.
struct Hue: Sendable {
  /// The colours that pure red, green and blue become.
  let red, green, blue: SIMD4<Float>
  static let alpha = SIMD4<Float>(0, 0, 0, 1)

  init(degrees: Float) {
    let (c, s) = (cos(degrees * .pi / 180), sin(degrees * .pi / 180))
    let (r, g, b): (Float, Float, Float) = (0.2126, 0.7152, 0.0722)
    red = SIMD4(r + c * (1 - r) - s * r, r - c * r + s * 0.143, r - c * r - s * (1 - r), 0)
    green = SIMD4(g - c * g - s * g, g + c * (1 - g) + s * 0.14, g - c * g + s * g, 0)
    blue = SIMD4(b - c * b + s * (1 - b), b - c * b - s * 0.283, b + c * (1 - b) + s * b, 0)
  }

  /// The rotations of identities' hues, in steps of 30°.
  static let steps = (0..<Identity.hues).map { Hue(degrees: 30 * Float($0)) }

  @inline(__always) func callAsFunction(_ color: SIMD4<Float>) -> SIMD4<Float> {
    color.x * red + color.y * green + color.z * blue + color.w * Self.alpha
  }
}

/// A colour: red, green, blue and alpha.
typealias Color = SIMD4<Float>

extension SIMD4<Float> {
  /// An opaque colour from red, green and blue in 0…255.
  static func rgb(_ red: Float, _ green: Float, _ blue: Float) -> Color { Color(red / 255, green / 255, blue / 255, 1) }

  /// An opaque colour from a hue in degrees, and a saturation and brightness in 0…1.
  static func hsv(_ hue: Float, _ saturation: Float, _ value: Float) -> Color {
    func channel(_ offset: Float) -> Float {
      let position = ((hue / 60 + offset).truncatingRemainder(dividingBy: 6) + 6).truncatingRemainder(dividingBy: 6)
      return value * (1 - saturation * Swift.max(0, Swift.min(position, 4 - position, 1)))
    }
    return Color(channel(5), channel(3), channel(1), 1)
  }

  /// A mix of this colour and another: this one at `fraction` 0, the other at 1.
  @inline(__always) func mixed(with other: Color, _ fraction: Float) -> Color {
    self + (other - self) * fraction
  }

  @inline(__always) func clamped() -> Color { pointwiseMin(pointwiseMax(self, .zero), .one) }
}
