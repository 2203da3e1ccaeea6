/// What a word names: `dog`, `pizza`, `crown`, `beach`.
public struct Kind: Sendable {
  /// The word, or the two: a phrase of captions.
  public let name: String
  public let role: Role
  /// Looks that differ as two trees do; each has one or more drawings, which are poses of the same thing.
  public let designs: [[Drawing]]
  /// Never seen in training.
  public let isHeldOut: Bool
  /// How it is worn; nil for what is not.
  let worn: Worn?
  /// Whether captions give it no article: `jeans`, `bread`, `snow`.
  let hasNoArticle: Bool

  /// All drawings of all designs.
  public var drawings: [Drawing] { designs.flatMap { $0 } }

  /// The name with its article: `an apple`, `jeans`.
  var withArticle: String {
    if hasNoArticle { return name }
    return ("aeiou".contains(name.prefix(1)) && !name.hasPrefix("uni") ? "an " : "a ") + name
  }
}

/// What a kind is for a scene, after the benchmark of the paper (MS-Bench).
public enum Role: String, Sendable, CaseIterable {
  case living, object, upwearing, midwearing, wholewearing, downwearing, scene

  /// Whether it is worn.
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
  /// Where its head is, for what is worn; nil where nothing can be.
  let head: Head?
}

/// A head in a drawing, in fractions of the drawing's width and height.
struct Head: Sendable {
  /// Middle of the head, and its top where a hat sits.
  let x, top: Float
  /// Its width, as a fraction of the drawing's.
  let width: Float
  /// Whether the drawing is nothing but a head, seen from the front: clothes go below it, glasses on it.
  let isFace: Bool
}

/// How something is worn: sizes in widths of the head.
enum Worn: Sendable {
  /// On top of the head, reaching down over it by `overlap`.
  case top(width: Float, overlap: Float)
  /// Over the eyes.
  case eyes(width: Float)
  /// Around the neck, over what else is there.
  case neck(width: Float)
  /// On the body below the head.
  case body(width: Float)
  /// Below what is on the body.
  case legs(width: Float)
}
