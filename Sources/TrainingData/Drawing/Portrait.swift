import Foundation

/// An identity alone, without a background, centred in a square.
package struct Portrait: Sendable {
  package let side: Int
  /// side · side pixels, row by row: red, green and blue, premultiplied, and alpha, the fraction of the pixel that
  /// shows the identity.
  package let pixels: [SIMD4<Float>]
}

extension EmojiWorld {
  /// Portraits of every drawing of an identity, plain and mirrored, at each rotation, in neutral light.
  ///
  /// - Parameters:
  ///   - turns: rotations, clockwise, in degrees.
  ///   - side: side of the square in pixels.
  ///   - fill: the longer side of what is visible, as a fraction of the square's side.
  package func portraits(of identity: Identity, turns: [Float], side: Int, fill: Float) -> [Portrait] {
    sprites(of: identity).indices.flatMap { drawing in
      [false, true].flatMap { isMirrored in
        turns.map { turn in
          var pose = Pose()
          (pose.drawing, pose.isMirrored, pose.rotation) = (drawing, isMirrored, turn * .pi / 180)
          return portrait(of: identity, pose, side: side, fill: fill)
        }
      }
    }
  }

  private func portrait(of identity: Identity, _ pose: Pose, side: Int, fill: Float) -> Portrait {
    let sprite = sprites(of: identity)[pose.drawing]
    let hue = identity.rotation
    var pose = pose
    pose.size = 0.7 * fill
    // A rotated drawing does not fill the box around its corners: draw it once to measure it, then again at the right
    // size.
    let extent = Canvas(side: side).draw(sprite, pose, hue: hue)
    let low = SIMD2(Float(extent.columns.lowerBound), Float(extent.rows.lowerBound)) / Float(side)
    let high = SIMD2(Float(extent.columns.upperBound), Float(extent.rows.upperBound)) / Float(side)
    let scale = fill / max((high - low).max(), 1 / Float(side))
    pose.center = 0.5 - ((low + high) / 2 - pose.center) * scale
    pose.size *= scale
    let canvas = Canvas(side: side)
    canvas.draw(sprite, pose, hue: hue)
    return Portrait(side: side, pixels: Array(UnsafeBufferPointer(start: canvas.pixels, count: side * side)))
  }
}
