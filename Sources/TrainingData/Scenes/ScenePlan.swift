import Tensors

/// A scene before it is drawn. Drawn at different sizes, it shows the same scene.
public struct ScenePlan: Sendable {
  /// A subject, in the order of the caption.
  public struct Subject: Sendable {
    public var identity: Identity
    public var phrase: String
    /// Seed of the reference's pose and background.
    var referenceSeed: UInt64
  }

  /// A drawing in the scene.
  package struct Figure: Sendable {
    /// Index of the subject that the drawing shows; nil for a wearer who is not a subject.
    var subject: Int?
    package var identity: Identity
    var pose: Pose
  }

  public var caption: String
  public var combination: SubjectCombination
  public var backdrop: Backdrop
  public var subjects: [Subject]
  /// From back to front.
  package var figures: [Figure]
}

extension EmojiWorld {
  /// Plans a scene; the arguments mean the same as in ``sample(_:seed:split:size:referenceSize:subjects:)``.
  ///
  /// Stops the program if `subjects` is not within 1…4, or if `held-out.json` leaves no scene to plan.
  public func plan(
    _ index: Int, seed: UInt64, split: Split = .training, subjects: ClosedRange<Int> = 1...4
  ) -> ScenePlan {
    guard subjects.lowerBound >= 1, subjects.upperBound <= 4 else {
      fail("EmojiWorld.plan: expected 1…4 subjects, found \(subjects)")
    }
    let part = UInt64(Split.allCases.firstIndex(of: split) ?? 0)
    var random = SceneRandom(seed, UInt64(bitPattern: Int64(index)), part)
    for _ in 0..<1000 {
      let combination = SubjectCombination.random(subjects, split: split, rules, &random)
      if let casting = pools.cast(combination, split, &random) {
        return plan(combination, casting, &random)
      }
    }
    fail("EmojiWorld.plan: no scene of \(subjects) subjects in \(split); does held-out.json hold out too much?")
  }

  private func plan(_ combination: SubjectCombination, _ casting: Casting, _ random: inout SceneRandom) -> ScenePlan {
    let identities = casting.identities
    let roles = identities.map { kinds[$0.kind].role }
    let scene = roles.firstIndex(of: .scene)
    // The caption's order must not reveal positions, so subjects that neither wear nor are worn are shuffled.
    var plain = identities.indices.filter { $0 != scene }
    var (clothes, wearer): ([Int], Int?) = ([], nil)
    if combination.isWorn {
      clothes = plain.filter { roles[$0].isWearing }
      wearer = combination.listsWearer ? plain.last { roles[$0] == .living } : nil
      plain.removeAll { clothes.contains($0) || $0 == wearer }
    }
    plain = random.shuffled(plain)
    let order = plain + (wearer.map { [$0] } ?? []) + clothes + (scene.map { [$0] } ?? [])
    let backdrop = backdrop(scene.map { identities[$0] }, &random)
    let wearing = wearer.map { identities[$0].kind } ?? casting.wearer?.kind
    let caption = Caption(kinds).text(
      plain.map { identities[$0].kind }, wearer: wearing, clothes: clothes.map { identities[$0].kind },
      ending: ending(backdrop, isSubject: scene != nil, &random))
    let subjects = order.map { index in
      ScenePlan.Subject(
        identity: identities[index], phrase: kinds[identities[index].kind].name, referenceSeed: random.bits())
    }

    var groups = plain.indices.map { Group(parts: [part($0, subjects[$0].identity, &random)]) }
    if !clothes.isEmpty, let identity = wearer.map({ identities[$0] }) ?? casting.wearer {
      groups.append(dressed(identity, wearer == nil ? nil : plain.count, clothes: subjects, from: plain.count, &random))
    }
    let figures = Layout.placed(groups, rules, &random).flatMap(\.parts).map {
      ScenePlan.Figure(subject: $0.subject, identity: $0.identity, pose: $0.pose)
    }
    return ScenePlan(
      caption: caption, combination: combination, backdrop: backdrop, subjects: subjects, figures: figures)
  }

  /// The background. If a place is a subject, it is that place. Otherwise it is usually a random place in one of its
  /// training palettes, and sometimes plain.
  private func backdrop(_ scene: Identity?, _ random: inout SceneRandom) -> Backdrop {
    if let scene { return Backdrop(place: place(of: scene), palette: scene.hue, seed: random.bits()) }
    guard random.happens(0.86) else { return Backdrop(place: nil, palette: 0, seed: random.bits()) }
    let place = random.pick(Place.allCases)
    let palettes = heldOut.hues(of: placeKinds + place.rawValue, in: .training)
    return Backdrop(place: place, palette: random.pick(palettes), seed: random.bits())
  }

  private func ending(_ backdrop: Backdrop, isSubject: Bool, _ random: inout SceneRandom) -> String {
    guard let place = backdrop.place else { return "" }
    if isSubject {
      if random.happens(0.5) { return place.ending }
      return "with \(kinds[placeKinds + place.rawValue].withArticle) in the background"
    }
    // Some captions do not name the place.
    return random.happens(0.06) ? "" : place.ending
  }

  private func part(_ subject: Int?, _ identity: Identity, _ random: inout SceneRandom) -> Group.Part {
    var pose = Pose.random(drawings: sprites(of: identity).count, rules, &random)
    (pose.center, pose.size, pose.rotation) = (.zero, 1, 0)
    return Group.Part(
      subject: subject, identity: identity, pose: pose, halfExtent: sprites(of: identity)[pose.drawing].halfExtent)
  }

  /// A wearer together with all clothes among the subjects from index `first` on.
  private func dressed(
    _ identity: Identity, _ subject: Int?, clothes subjects: [ScenePlan.Subject], from first: Int,
    _ random: inout SceneRandom
  ) -> Group {
    let worn = subjects.indices.filter { $0 >= first && kinds[subjects[$0].identity.kind].worn != nil }
    let needsFace = worn.contains {
      if case .top = kinds[subjects[$0].identity.kind].worn { false } else { true }
    }
    var body = part(subject, identity, &random)
    let drawings = kinds[identity.kind].designs[identity.design]
    let fitting = drawings.indices.filter { index in drawings[index].head.map { !needsFace || $0.isFace } ?? false }
    body.pose.drawing = random.pick(fitting)
    body.halfExtent = sprites(of: identity)[body.pose.drawing].halfExtent
    (body.pose.tilt, body.pose.stretch) = (.zero, 1)
    guard let head = drawings[body.pose.drawing].head else { fail("EmojiWorld: a wearer without a head") }
    var wardrobe = Wardrobe(body, head: head)
    for index in worn {
      var piece = part(index, subjects[index].identity, &random)
      (piece.pose.tilt, piece.pose.stretch) = (.zero, 1)
      piece.pose.rotation = random.uniform(-0.08...0.08)
      if let worn = kinds[subjects[index].identity.kind].worn { wardrobe.add(piece, worn) }
    }
    return wardrobe.group
  }
}

extension Pose {
  /// A random pose; the caller sets centre, size and rotation.
  static func random(drawings: Int, _ rules: SceneRules, _ random: inout SceneRandom) -> Pose {
    var pose = Pose()
    pose.drawing = random.below(drawings)
    pose.isMirrored = random.happens(0.5)
    let distortion = rules.distortion
    pose.tilt = SIMD2(random.uniform(-0.3...0.3), random.uniform(-0.3...0.3)) * distortion
    pose.stretch = 1 + (random.uniform(0.92...1.08) - 1) * distortion
    pose.light = .random(&random)
    pose.light.contrast *= distortion
    pose.light.shade *= distortion
    return pose
  }
}
