import Foundation

/// Colours for numbers 0…1. Their lightness changes uniformly, so that colour-blind readers can distinguish them too.
///
/// Viridis, magma and cividis come from matplotlib (van der Walt, Smith and Firing; Nuñez et al., 2018), where they are
/// published under CC0. Here they are approximated by polynomials.
public struct ColorMap: Sendable {
  public let name: String
  private let channels: [[Double]]

  /// Red, green and blue as polynomials, constant term first; empty for the diverging map.
  private init(_ name: String, _ channels: [[Double]]) { (self.name, self.channels) = (name, channels) }

  /// Dark blue, green, yellow.
  public static let viridis = ColorMap(
    "viridis",
    [
      [0.256623, 1.16178, -14.7894, 76.3146, -217.08, 326.814, -238.181, 66.4996],
      [0.00395448, 1.50367, -1.25597, 2.47064, -8.55365, 19.0038, -19.0286, 6.7629],
      [0.322928, 1.96226, -7.80398, 24.8852, -65.2504, 110.516, -100.802, 36.3069],
    ])
  /// Black, purple, pale yellow.
  public static let magma = ColorMap(
    "magma",
    [
      [0.00237718, 0.16522, 6.37668, 7.77296, -146.494, 478.069, -713.559, 509.204, -140.557],
      [-0.0160205, 1.42809, -10.6056, 29.6955, 27.6444, -286.994, 557.702, -454.688, 136.839],
      [0.0348616, -0.5453, 49.3978, -345.371, 1164.48, -2224.13, 2424.57, -1396.84, 329.146],
    ])
  /// Dark blue, grey, yellow. Readers with red-green blindness see nearly the same colours as other readers.
  public static let cividis = ColorMap(
    "cividis",
    [
      [0.0203023, -2.26832, 43.9823, -239.804, 688.41, -1137.56, 1089.84, -562.907, 121.297],
      [0.136455, 0.655405, 0.20028, -0.62448, 1.51039, -3.11646, 5.07567, -4.40948, 1.47862],
      [0.290894, 3.08728, -22.2242, 61.8276, -34.7159, -152.489, 325.503, -251.611, 70.53],
    ])
  /// Blue below the middle, nearly white in the middle, brown above the middle.
  public static let diverging = ColorMap("diverging", [])

  /// The colour of a number, clipped to 0…1.
  public func callAsFunction(_ value: Double) -> Color {
    let x = min(max(value, 0), 1)
    if channels.isEmpty {
      let end = x < 0.5 ? Color(hex: 0x174e8a) : Color(hex: 0x964605)
      return Color(hex: 0xf7f7f7).mixed(with: end, abs(2 * x - 1))
    }
    let parts = channels.map { coefficients in
      UInt8((255 * min(max(coefficients.reversed().reduce(0) { $0 * x + $1 }, 0), 1)).rounded())
    }
    return Color(parts[0], parts[1], parts[2])
  }
}
