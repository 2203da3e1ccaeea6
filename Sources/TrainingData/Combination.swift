/// Which roles stand together in a scene. Thirteen are those of the paper's benchmark; the others fill up one to four
/// subjects.
public struct Combination: Sendable, Equatable {
  /// As the benchmark writes it: `living_upwearing`.
  public let name: String
  /// A role for each subject, what is worn after its wearer; `nil` is a living one or an object.
  let roles: [Role?]
  /// How often it comes, among those of as many subjects.
  let share: Float
  /// One of the benchmark's thirteen.
  public let isPublished: Bool

  /// Whether clothes are drawn on somebody.
  public var isWorn: Bool { roles.contains { $0?.isWearing == true } && roles.count > 1 }
  /// Whether the wearer is one of the subjects; else somebody wears the clothes who has no reference.
  public var listsWearer: Bool { isWorn && roles.contains(.living) }
  /// Whether the place is a subject.
  public var hasScene: Bool { roles.contains(.scene) }

  private init(_ name: String, _ roles: [Role?], _ share: Float, isPublished: Bool = false) {
    (self.name, self.roles, self.share, self.isPublished) = (name, roles, share, isPublished)
  }

  /// A published one, its roles told by its name.
  private init(published name: String, _ share: Float) {
    self.init(name, name.split(separator: "_").map { Role(rawValue: String($0)) }, share, isPublished: true)
  }

  public static let all = [
    Combination("living", [.living], 0.5), Combination("object", [.object], 0.38),
    Combination("clothes", [.midwearing], 0.12),

    Combination(published: "living_living", 0.17), Combination(published: "living_object", 0.25),
    Combination(published: "object_object", 0.17), Combination(published: "living_upwearing", 0.1),
    Combination(published: "living_midwearing", 0.07), Combination(published: "living_wholewearing", 0.07),
    Combination(published: "midwearing_downwearing", 0.05), Combination(published: "living_scene", 0.06),
    Combination(published: "object_scene", 0.06),

    Combination(published: "living_living_living", 0.16), Combination(published: "object_object_object", 0.16),
    Combination(published: "living_object_scene", 0.14),
    Combination(published: "upwearing_midwearing_downwearing", 0.08),
    Combination("mixed_mixed_mixed", [nil, nil, nil], 0.26),
    Combination("object_living_upwearing", [.object, .living, .upwearing], 0.1),
    Combination("living_midwearing_downwearing", [.living, .midwearing, .downwearing], 0.1),

    Combination("mixed_mixed_mixed_mixed", [nil, nil, nil, nil], 0.7),
    Combination("living_object_object_scene", [.living, .object, .object, .scene], 0.08),
    Combination("object_object_living_upwearing", [.object, .object, .living, .upwearing], 0.1),
    Combination(
      "living_upwearing_midwearing_downwearing", [.living, .upwearing, .midwearing, .downwearing], 0.12),
  ]

  /// How often one, two, three and four subjects come.
  static let counts: [Float] = [0.25, 0.45, 0.2, 0.1]

  static func random(_ counts: ClosedRange<Int>, split: Split, _ random: inout SceneRandom) -> Combination {
    let weights = (1...4).map { counts.contains($0) ? Self.counts[$0 - 1] : 0 }
    let count = random.place(in: weights) + 1
    // No place is held out as a kind.
    let fitting = all.filter { $0.roles.count == count && (split != .heldOutKinds || !$0.hasScene) }
    return fitting[random.place(in: fitting.map(\.share))]
  }
}
