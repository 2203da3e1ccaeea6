/// A kind of subject that a word names: `dog`, `pizza`, `crown`, `beach`.
public struct Kind: Sendable {
  /// One or two words, which name the kind in captions.
  public let name: String
  public let role: Role
  /// Different looks, such as two sorts of tree. Each has one or more drawings, which are poses of the same thing. A
  /// place has one design without drawings.
  public let designs: [[Drawing]]
  /// Whether training never sees the kind.
  public let isHeldOut: Bool
  /// How things of the kind are worn; nil if they are not worn.
  let worn: Worn?
  /// Whether captions use the name without an article: `jeans`, `bread`, `snow`.
  let hasNoArticle: Bool

  /// All drawings of all designs.
  public var drawings: [Drawing] { designs.flatMap { $0 } }

  /// The name with its article: `an apple`, `jeans`.
  var withArticle: String {
    if hasNoArticle { return name }
    return ("aeiou".contains(name.prefix(1)) && !name.hasPrefix("uni") ? "an " : "a ") + name
  }
}

/// The role of a kind in a scene, as in the paper's benchmark (MS-Bench).
public enum Role: String, Sendable, CaseIterable {
  case living, object, upwearing, midwearing, wholewearing, downwearing, scene

  /// Whether kinds of this role are worn.
  public var isWearing: Bool {
    switch self {
    case .upwearing, .midwearing, .wholewearing, .downwearing: true
    case .living, .object, .scene: false
    }
  }
}

/// One emoji.
public struct Drawing: Sendable {
  /// The single code point.
  public let scalar: Unicode.Scalar
  /// The head that clothes are fitted to; nil if the drawing cannot wear clothes.
  let head: Head?
}

/// A head in a drawing, in fractions of the drawing's width and height.
struct Head: Sendable {
  /// The horizontal position of the head's middle, and the vertical position of its top, on which a hat sits.
  let x, top: Float
  /// The head's width, as a fraction of the drawing's width.
  let width: Float
  /// Whether the drawing is only a head, seen from the front: clothes go below it, glasses on it.
  let isFace: Bool
}

/// How something is worn; lengths are in widths of the wearer's head.
enum Worn: Sendable {
  /// On top of the head, reaching down over it by `overlap`.
  case top(width: Float, overlap: Float)
  /// Over the eyes.
  case eyes(width: Float)
  /// Around the neck, in front of other clothes.
  case neck(width: Float)
  /// On the body below the head.
  case body(width: Float)
  /// Below the clothes on the body.
  case legs(width: Float)
}
