import Foundation
import Tensors

/// How to interpolate between two tensors of the same shape, such as the image features, resampler tokens or text
/// states of two subjects.
///
/// `Interpolation.spherical(a, b, at: 0)` is exactly `a`, and `Interpolation.spherical(a, b, at: 1)` is exactly `b`.
public enum Interpolation: String, Sendable, CaseIterable {
  /// (1 − t)·a + t·b.
  case linear
  /// Along the great circle between the two tensors, each taken as one vector (Shoemake 1985):
  /// (sin((1 − t)θ)·a + sin(tθ)·b) / sin θ, where θ is the angle between them.
  ///
  /// The formula is applied to the vectors themselves, not to their directions. If both have the same length, so has
  /// every result between them. If their lengths differ and θ is above 90°, a result can be longer or shorter than
  /// both.
  /// If a vector is zero, or θ is within 1e-6 of 0 or 1e-3 of π, the arc is undefined and the interpolation is linear;
  /// between opposite vectors it passes through zero.
  case spherical
  /// As ``spherical``, but with a separate angle for every vector along the last axis, such as every token.
  case sphericalRows

  /// The tensor at `t` between `a` (`t` = 0) and `b` (`t` = 1); values of `t` below 0 and above 1 extrapolate. Stops
  /// the program if the shapes differ or `t` is not finite.
  public func callAsFunction(_ a: Tensor, _ b: Tensor, at t: Double) -> Tensor {
    guard a.shape == b.shape else {
      fail("Interpolation.\(rawValue): expected two tensors of the same shape, found \(a.shape) and \(b.shape)")
    }
    guard t.isFinite else { fail("Interpolation.\(rawValue): expected a finite t, found \(t)") }
    if t == 0 { return a }
    if t == 1 { return b }
    let length = self == .sphericalRows ? a.shape.last ?? 1 : a.count
    return Tensor(shape: a.shape) { output in
      a.withUnsafeBuffer { first in
        b.withUnsafeBuffer { second in
          for start in stride(from: 0, to: first.count, by: max(length, 1)) {
            let row = start..<start + length
            let weights =
              self == .linear
              ? (1 - t, t) : Self.arcWeights(UnsafeBufferPointer(rebasing: first[row]), .init(rebasing: second[row]), t)
            for i in row { output[i] = Float(weights.0 * Double(first[i]) + weights.1 * Double(second[i])) }
          }
        }
      }
    }
  }

  /// Tensors at equally spaced `t` from 0 to 1: the first is `a`, the last `b`.
  ///
  /// - Parameter count: Number of tensors, including `a` and `b`; a number below 2 stops the program.
  public func points(from a: Tensor, to b: Tensor, count: Int) -> [Tensor] {
    guard count >= 2 else { fail("Interpolation.points: expected a count of at least 2, found \(count)") }
    return (0..<count).map { self(a, b, at: Double($0) / Double(count - 1)) }
  }

  /// Weights of two vectors at `t` on the arc between them.
  private static func arcWeights(
    _ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, _ t: Double
  ) -> (Double, Double) {
    let lengthA = a.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    let lengthB = b.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    guard lengthA > 0, lengthB > 0 else { return (1 - t, t) }
    // The angle comes from the sum and the difference of the unit vectors. The arc cosine of the inner product would be
    // imprecise for angles near 0 and π.
    var (apart, together) = (0.0, 0.0)
    for i in a.indices {
      let (x, y) = (Double(a[i]) / lengthA, Double(b[i]) / lengthB)
      apart += (x - y) * (x - y)
      together += (x + y) * (x + y)
    }
    let angle = 2 * atan2(apart.squareRoot(), together.squareRoot())
    if angle < 1e-6 || angle > .pi - 1e-3 { return (1 - t, t) }
    return (sin((1 - t) * angle) / sin(angle), sin(t * angle) / sin(angle))
  }
}
