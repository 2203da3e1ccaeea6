/// The identities chosen for the roles of a combination, within what a split allows.
struct Casting {
  /// One identity per role, in the combination's order.
  var identities: [Identity]
  /// The person who wears the clothes, if the wearer is not a subject.
  var wearer: Identity?
}

/// The kinds that can take each role.
struct CastingPools: Sendable {
  /// The kinds of each role. As in the other lists here, the first element holds the kinds that training sees, the
  /// second the held-out kinds.
  private let pools: [[Role: [Int]]]
  private let clothes: [[Int]]
  /// Living kinds with a face (a head seen from the front), and living kinds with a head seen from any side.
  private let faces, heads: [[Int]]
  private let people: [Int]
  private let kinds: [Kind]
  private let heldOut: HeldOut
  private let rules: SceneRules

  init(_ kinds: [Kind], _ heldOut: HeldOut, _ rules: SceneRules) {
    func indices(_ isFitting: (Kind) -> Bool) -> [[Int]] {
      [false, true].map { held in
        kinds.indices.filter { kinds[$0].isHeldOut == held && rules.shows(kinds[$0]) && isFitting(kinds[$0]) }
      }
    }
    let roles = Role.allCases.map { role in indices { $0.role == role } }
    pools = [0, 1].map { part in Dictionary(uniqueKeysWithValues: zip(Role.allCases, roles.map { $0[part] })) }
    clothes = indices { $0.role.isWearing }
    faces = indices { $0.role == .living && $0.drawings.contains { $0.head?.isFace == true } }
    heads = indices { $0.role == .living && $0.drawings.contains { $0.head != nil } }
    people = ["woman", "man", "girl", "boy"].compactMap { name in kinds.firstIndex { $0.name == name } }
    (self.kinds, self.heldOut, self.rules) = (kinds, heldOut, rules)
  }

  /// Chooses random identities for a combination. Returns nil if the kinds chosen first leave no fitting kind for a
  /// later role or for the wearer; another call may then succeed.
  func cast(_ combination: SubjectCombination, _ split: Split, _ random: inout SceneRandom) -> Casting? {
    let part = split == .heldOutKinds ? 1 : 0
    var chosen: [Int] = []
    // Clothes below the head need a wearer with a face. So do glasses, which are checked for each kind below.
    let needsFace = combination.roles.contains { $0?.isWearing == true && $0 != .upwearing }
    for (index, role) in combination.roles.enumerated() {
      var pool: [Int]
      switch role {
      case nil: pool = pools[part][random.happens(0.5) ? .living : .object] ?? []
      case .living where combination.listsWearer: pool = needsFace ? faces[part] : heads[part]
      case .midwearing where combination.roles.count == 1: pool = clothes[part]
      case .object where !combination.isWorn && random.happens(0.1): pool = clothes[part]
      case let role?: pool = pools[part][role] ?? []
      }
      if role == .upwearing, !needsFace, let wearer = chosen.last, !faces[part].contains(wearer) {
        pool.removeAll { if case .eyes = kinds[$0].worn { true } else { false } }
      }
      let isTwin =
        index == 1 && split == .training && ["living_living", "object_object"].contains(combination.name)
        && random.happens(0.07)
      if isTwin {
        chosen.append(chosen[0])
        continue
      }
      pool.removeAll { !isAllowed($0, beside: chosen, split) }
      guard !pool.isEmpty else { return nil }
      chosen.append(random.pick(pool))
    }
    var casting = Casting(identities: chosen.map { identity($0, split, &random) })
    for index in 1..<max(casting.identities.count, 1) where casting.identities[index] == casting.identities[0] {
      // Two subjects of the same kind differ in hue by more than one step.
      let hues = heldOut.hues(of: chosen[index], in: split).filter { abs($0 - casting.identities[0].hue) > 1 }
      casting.identities[index].hue = random.pick(hues)
    }
    if combination.isWorn, !combination.listsWearer {
      let fitting = split == .training ? people.filter { isAllowed($0, beside: chosen, split) } : people
      guard !fitting.isEmpty else { return nil }
      casting.wearer = identity(random.pick(fitting), .training, &random)
    }
    return casting
  }

  /// A random identity of a kind in a split.
  func identity(_ kind: Int, _ split: Split, _ random: inout SceneRandom) -> Identity {
    var identity = Identity(
      kind: kind, hue: random.pick(heldOut.hues(of: kind, in: split)),
      design: random.below(kinds[kind].designs.count))
    guard split == .training, kinds[kind].role != .scene else { return identity }
    if rules.hueSpread > 0 { identity.hueOffset = random.uniform(-rules.hueSpread...rules.hueSpread) }
    if rules.naturalColors > 0, random.happens(rules.naturalColors) { (identity.hue, identity.hueOffset) = (0, 0) }
    return identity
  }

  private func isAllowed(_ kind: Int, beside chosen: [Int], _ split: Split) -> Bool {
    if chosen.contains(kind) { return false }
    if kinds[kind].role == .scene || chosen.isEmpty { return true }
    switch split {
    case .training: return !chosen.contains { heldOut.isPair($0, kind) }
    case .heldOutIdentities: return chosen.contains { heldOut.isPair($0, kind) }
    case .heldOutKinds: return true
    }
  }
}
