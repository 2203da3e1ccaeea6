import Foundation

/// A colour of the screen (sRGB), 0…255 per channel.
public struct Color: Sendable, Equatable {
  public var red, green, blue: UInt8

  public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) { (self.red, self.green, self.blue) = (red, green, blue) }

  /// A colour from six hexadecimal digits, 0xRRGGBB.
  public init(hex: UInt32) {
    self.init(UInt8(hex >> 16 & 0xff), UInt8(hex >> 8 & 0xff), UInt8(hex & 0xff))
  }

  public static let white = Color(255, 255, 255)
  public static let black = Color(0, 0, 0)
  /// Text and axes.
  public static let ink = Color(hex: 0x22262b)
  /// Captions.
  public static let faint = Color(hex: 0x5c636b)
  /// Grid lines.
  public static let rule = Color(hex: 0xdfe2e6)

  /// Colours for subjects and lines. Colour-blind readers can distinguish them (Okabe and Ito, 2008).
  public static let distinct: [Color] = [
    Color(hex: 0xd55e00), Color(hex: 0x0072b2), Color(hex: 0x009e73), Color(hex: 0xcc79a7), Color(hex: 0xe69f00),
    Color(hex: 0x56b4e9), Color(hex: 0x000000), Color(hex: 0xf0e442),
  ]

  /// The colour in ``distinct`` at an index; before the first and after the last colour they repeat.
  public static func distinct(_ index: Int) -> Color {
    distinct[(index % distinct.count + distinct.count) % distinct.count]
  }

  /// The colour with a fraction, 0…1, of another colour mixed in.
  public func mixed(with other: Color, _ fraction: Double) -> Color {
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) + (Double(b) - Double(a)) * fraction).rounded()) }
    return Color(mix(red, other.red), mix(green, other.green), mix(blue, other.blue))
  }

  /// Perceived lightness L* of CIELAB, 0…100.
  public var lightness: Double {
    let luminance =
      0.2126 * Self.linear(red) + 0.7152 * Self.linear(green) + 0.0722 * Self.linear(blue)
    return luminance > 216.0 / 24389 ? 116 * cbrt(luminance) - 16 : luminance * 24389 / 27
  }

  private static func linear(_ channel: UInt8) -> Double {
    let value = Double(channel) / 255
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
  }
}
