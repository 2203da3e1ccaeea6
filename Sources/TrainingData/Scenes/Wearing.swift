/// A unit that is placed in a scene: a subject, or a wearer with clothes.
struct Group {
  /// A drawing in the group; its pose is in the group's own units, around the group's own origin.
  struct Part {
    /// Index of the subject that the drawing shows; nil for a wearer who is not a subject.
    var subject: Int?
    var identity: Identity
    var pose: Pose
    var halfExtent: SIMD2<Float>
  }

  /// In the order of drawing.
  var parts: [Part]

  /// The box around all parts, given by its upper left and lower right corners.
  func bounds(rotation: Float = 0) -> (low: SIMD2<Float>, high: SIMD2<Float>) {
    var (low, high) = (SIMD2<Float>(repeating: .infinity), SIMD2<Float>(repeating: -.infinity))
    for part in placed(center: .zero, scale: 1, rotation: rotation).parts {
      let bounds = part.pose.bounds(part.halfExtent)
      (low, high) = (pointwiseMin(low, bounds.low), pointwiseMax(high, bounds.high))
    }
    return (low, high)
  }

  /// The group turned around its origin, scaled and moved.
  func placed(center: SIMD2<Float>, scale: Float, rotation: Float) -> Group {
    let turn = Pose(center: .zero, size: 1, rotation: rotation).matrix
    var group = self
    for index in group.parts.indices {
      group.parts[index].pose.center = center + scale * turn(parts[index].pose.center)
      group.parts[index].pose.size *= scale
      group.parts[index].pose.rotation += rotation
    }
    return group
  }
}

/// Dresses a wearer. Lengths are in widths of the wearer's head; the wearer's drawing is centred on the origin.
struct Wardrobe {
  private let wearer: Group.Part
  private let headX, top, chin: Float
  private var below: [Group.Part] = []
  private var above: [Group.Part] = []
  /// The upper edge of the next piece of clothing below.
  private var edge: Float

  /// - Parameter wearer: the wearer as a group's part. Its pose is kept, except for the size and the centre, which are
  ///   set here.
  init(_ wearer: Group.Part, head: Head) {
    var wearer = wearer
    let half = wearer.halfExtent
    let size = 1 / (head.width * 2 * half.x)
    (wearer.pose.size, wearer.pose.center) = (size, .zero)
    self.wearer = wearer
    headX = (head.x - 0.5) * 2 * half.x * size * (wearer.pose.isMirrored ? -1 : 1)
    top = (head.top - 0.5) * 2 * half.y * size
    chin = half.y * size
    edge = chin - 0.1
  }

  mutating func add(_ part: Group.Part, _ worn: Worn) {
    func fitted(_ width: Float) -> (part: Group.Part, height: Float) {
      var part = part
      part.pose.size = width / (2 * part.halfExtent.x)
      return (part, 2 * part.halfExtent.y * part.pose.size)
    }
    switch worn {
    case .top(let width, let overlap):
      var (part, height) = fitted(width)
      part.pose.center = SIMD2(headX, top + overlap - height / 2)
      above.append(part)
    case .eyes(let width):
      var (part, _) = fitted(width)
      part.pose.center = SIMD2(headX, top + 0.46 * (chin - top))
      above.append(part)
    case .neck(let width):
      var (part, height) = fitted(width)
      part.pose.center = SIMD2(0, chin - 0.16 + height / 2)
      above.append(part)
      edge = chin - 0.16 + height
    case .body(let width):
      var (part, height) = fitted(width)
      part.pose.center = SIMD2(0, edge + height / 2)
      below.append(part)
      edge += height
    case .legs(let width):
      var (part, height) = fitted(width)
      part.pose.center = SIMD2(0, edge - 0.08 + height / 2)
      below.insert(part, at: 0)
    }
  }

  /// The wearer and all clothes, from back to front.
  var group: Group { Group(parts: below + [wearer] + above) }
}
