import Foundation

/// How a drawing is placed in an image: position, size, rotation, mirroring, perspective and light.
struct Pose: Sendable, Equatable {
  /// Index of the drawing in the identity's design.
  var drawing = 0
  /// Centre, in fractions of the image.
  var center = SIMD2<Float>(0.5, 0.5)
  /// The drawing's longer side, in fractions of the image.
  var size: Float = 0.8
  /// Clockwise, in radians.
  var rotation: Float = 0
  var isMirrored = false
  /// Perspective. The distance from the viewer is 1 at the drawing's centre; it grows by these numbers per longer side
  /// to the right and downwards, before the rotation.
  var tilt = SIMD2<Float>(0, 0)
  /// The width is multiplied by this factor, and the height is divided by it.
  var stretch: Float = 1
  var light = Light()

  /// The map from the drawing (its centre at 0, its longer side of length 1) to the image (0…1).
  var matrix: Homography {
    let (c, s) = (cos(rotation) * size, sin(rotation) * size)
    let (a, b) = (isMirrored ? -stretch : stretch, 1 / stretch)
    let (x, y) = (center.x, center.y)
    return Homography(
      SIMD3((c + x * tilt.x) * a, (-s + x * tilt.y) * b, x), SIMD3((s + y * tilt.x) * a, (c + y * tilt.y) * b, y),
      SIMD3(tilt.x * a, tilt.y * b, 1))
  }

  /// The box around a drawing with this half extent, given by its upper left and lower right corners in the image.
  func bounds(_ halfExtent: SIMD2<Float>) -> (low: SIMD2<Float>, high: SIMD2<Float>) {
    let matrix = matrix
    var (low, high) = (SIMD2<Float>(repeating: .infinity), SIMD2<Float>(repeating: -.infinity))
    for corner in [SIMD2<Float>(-1, -1), SIMD2(1, -1), SIMD2(-1, 1), SIMD2(1, 1)] {
      let point = matrix(corner * halfExtent)
      (low, high) = (pointwiseMin(low, point), pointwiseMax(high, point))
    }
    return (low, high)
  }
}

/// Light on a subject. It has no colour of its own, so that identities remain distinguishable by their hues.
struct Light: Sendable, Equatable {
  /// Factor on all colours.
  var gain: Float = 1
  /// Positive values lighten the midtones, negative ones darken them, like a gamma.
  var contrast: Float = 0
  /// The change of the gain from the drawing's left to its right edge, and from its top to its bottom.
  var shade = SIMD2<Float>(0, 0)

  static func random(_ random: inout SceneRandom) -> Light {
    Light(
      gain: random.uniform(0.78...1.12), contrast: random.uniform(-0.2...0.25),
      shade: SIMD2(random.uniform(-0.25...0.25), random.uniform(-0.25...0.25)))
  }
}

/// A projective map of the plane: three rows of a matrix.
struct Homography {
  var x, y, w: SIMD3<Float>

  init(_ x: SIMD3<Float>, _ y: SIMD3<Float>, _ w: SIMD3<Float>) { (self.x, self.y, self.w) = (x, y, w) }

  func callAsFunction(_ point: SIMD2<Float>) -> SIMD2<Float> {
    let point = SIMD3(point.x, point.y, 1)
    return SIMD2((x * point).sum(), (y * point).sum()) / (w * point).sum()
  }

  /// The inverse map, up to a positive factor, which cancels.
  var inverse: Homography {
    func cross(_ a: SIMD3<Float>, _ b: SIMD3<Float>) -> SIMD3<Float> {
      SIMD3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
    }
    let (first, second, third) = (cross(y, w), cross(w, x), cross(x, y))
    let sign: Float = (x * first).sum() < 0 ? -1 : 1
    return Homography(
      sign * SIMD3(first.x, second.x, third.x), sign * SIMD3(first.y, second.y, third.y),
      sign * SIMD3(first.z, second.z, third.z))
  }
}
