/// How scenes of the emoji world are composed. A model is trained on the scenes of one set of rules.
public struct SceneRules: Sendable {
  /// How subjects are placed.
  enum Placement: Sendable {
    /// Anywhere, at many sizes, sometimes cut off by an edge.
    case scattered
    /// In the middle, halves, thirds or quarters of the image, as in the paper's benchmark (MS-Bench), but at random
    /// positions within these parts.
    case preset
  }

  /// Names of the kinds that scenes show in addition to held-out kinds and places; nil: all kinds.
  let kinds: Set<String>?
  let placement: Placement
  /// Whether some scenes show clothes on a wearer.
  let hasWearers: Bool
  /// Limit of rotations, as a multiple of those in ``varied``.
  let turning: Float
  /// Limit of perspective, stretching and uneven light, as a multiple of those in ``varied``.
  let distortion: Float
  /// Probability with which a training subject keeps its natural colours (hue 0). Otherwise its hue is drawn from all
  /// its hues, which may include 0.
  let naturalColors: Float
  /// Greatest difference between a training subject's hue and one of the twelve steps, in degrees.
  let hueSpread: Float
  /// Pixels per side at which backgrounds are drawn before they are enlarged to the image's size; nil: they are drawn
  /// at the image's size. Fewer pixels mean less detail.
  let backdropSide: Int?

  /// Scenes of all kinds, at many sizes, in any pose.
  public static let varied = SceneRules(
    kinds: nil, placement: .scattered, hasWearers: true, turning: 1, distortion: 1, naturalColors: 0, hueSpread: 0,
    backdropSide: nil)

  /// Scenes for a small model: large subjects of a few kinds that are easy to tell apart, on backgrounds without
  /// detail.
  public static let readable = SceneRules(
    kinds: [
      "dog", "cat", "horse", "pig", "monkey", "cow", "fox", "lion", "whale", "turtle", "octopus", "crab", "butterfly",
      "ladybug", "owl", "duck", "fish", "giraffe",
      "pizza", "hamburger", "apple", "banana", "strawberry", "pineapple", "watermelon", "carrot", "mushroom", "cactus",
      "tree", "car", "rocket", "umbrella", "house", "gift", "pumpkin", "book", "key", "bell", "heart", "trophy",
      "hat", "crown", "shirt", "dress", "boot",
    ],
    placement: .preset, hasWearers: false, turning: 0.4, distortion: 0.3, naturalColors: 0.4, hueSpread: 15,
    backdropSide: 24)

  /// Whether scenes of any split show the kind. Places and held-out kinds are always shown.
  func shows(_ kind: Kind) -> Bool {
    kind.role == .scene || kind.isHeldOut || kinds?.contains(kind.name) != false
  }
}
