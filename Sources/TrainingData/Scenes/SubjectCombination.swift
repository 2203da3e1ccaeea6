/// The roles of a scene's subjects. Thirteen combinations come from the paper's benchmark (MS-Bench); the others add
/// variety for one to four subjects.
public struct SubjectCombination: Sendable, Equatable {
  /// The combination's name, as in the benchmark or in its style: `living_upwearing`.
  public let name: String
  /// One role per subject, with clothes after their wearer; `nil` stands for either living or object.
  let roles: [Role?]
  /// Relative frequency among the combinations with the same number of subjects.
  let frequency: Float
  /// Whether the combination is one of the benchmark's thirteen.
  public let isPublished: Bool

  /// Whether clothes are drawn on somebody.
  public var isWorn: Bool { roles.contains { $0?.isWearing == true } && roles.count > 1 }
  /// Whether clothes are drawn on one of the subjects. If this is false and ``isWorn`` is true, a person who is not a
  /// subject wears them.
  public var listsWearer: Bool { isWorn && roles.contains(.living) }
  /// Whether one of the subjects is a place.
  public var hasScene: Bool { roles.contains(.scene) }

  private init(_ name: String, _ roles: [Role?], _ frequency: Float, isPublished: Bool = false) {
    (self.name, self.roles, self.frequency, self.isPublished) = (name, roles, frequency, isPublished)
  }

  /// A published combination, whose name lists its roles.
  private init(published name: String, _ frequency: Float) {
    self.init(name, name.split(separator: "_").map { Role(rawValue: String($0)) }, frequency, isPublished: true)
  }

  /// All combinations, ordered by the number of subjects.
  public static let all = [
    Self("living", [.living], 0.5), Self("object", [.object], 0.38),
    Self("clothes", [.midwearing], 0.12),

    Self(published: "living_living", 0.17), Self(published: "living_object", 0.25),
    Self(published: "object_object", 0.17), Self(published: "living_upwearing", 0.1),
    Self(published: "living_midwearing", 0.07), Self(published: "living_wholewearing", 0.07),
    Self(published: "midwearing_downwearing", 0.05), Self(published: "living_scene", 0.06),
    Self(published: "object_scene", 0.06),

    Self(published: "living_living_living", 0.16), Self(published: "object_object_object", 0.16),
    Self(published: "living_object_scene", 0.14),
    Self(published: "upwearing_midwearing_downwearing", 0.08),
    Self("mixed_mixed_mixed", [nil, nil, nil], 0.26),
    Self("object_living_upwearing", [.object, .living, .upwearing], 0.1),
    Self("living_midwearing_downwearing", [.living, .midwearing, .downwearing], 0.1),

    Self("mixed_mixed_mixed_mixed", [nil, nil, nil, nil], 0.7),
    Self("living_object_object_scene", [.living, .object, .object, .scene], 0.08),
    Self("object_object_living_upwearing", [.object, .object, .living, .upwearing], 0.1),
    Self(
      "living_upwearing_midwearing_downwearing", [.living, .upwearing, .midwearing, .downwearing], 0.12),
  ]

  /// Relative frequencies of one, two, three and four subjects.
  static let counts: [Float] = [0.25, 0.45, 0.2, 0.1]

  /// A random combination whose number of subjects is in `counts`, within 1…4.
  static func random(
    _ counts: ClosedRange<Int>, split: Split, _ rules: SceneRules, _ random: inout SceneRandom
  ) -> SubjectCombination {
    let weights = (1...4).map { counts.contains($0) ? Self.counts[$0 - 1] : 0 }
    let count = random.index(in: weights) + 1
    // Places are never held out as kinds.
    let fitting = all.filter {
      $0.roles.count == count && (split != .heldOutKinds || !$0.hasScene) && (rules.hasWearers || !$0.isWorn)
    }
    return fitting[random.index(in: fitting.map(\.frequency))]
  }
}
