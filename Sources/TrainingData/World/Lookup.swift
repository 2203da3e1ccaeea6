extension EmojiWorld {
  /// The index, in ``kinds``, of the kind with the given name.
  /// - Throws: ``TrainingDataError/unknownKind(name:near:)`` if there is none.
  public func kind(_ name: String) throws -> Int {
    if let index = kinds.firstIndex(where: { $0.name == name }) { return index }
    let near = kinds.map(\.name).filter { $0.contains(name) || name.contains($0) || $0.prefix(2) == name.prefix(2) }
    throw TrainingDataError.unknownKind(name: name, near: Array(near.prefix(5)))
  }

  /// Every identity that a split shows, in a fixed order.
  ///
  /// - Parameter places: whether to include places; each palette of a place is an identity.
  public func identities(in split: Split, places: Bool = false) -> [Identity] {
    kinds.indices.flatMap { index -> [Identity] in
      let kind = kinds[index]
      guard kind.isHeldOut == (split == .heldOutKinds), isShown(index), places || kind.role != .scene else { return [] }
      return kind.designs.indices.flatMap { design in
        heldOut.hues(of: index, in: split).map { Identity(kind: index, hue: $0, design: design) }
      }
    }
  }

  /// Whether training never sees these two kinds in one scene, although it sees each of them in other scenes.
  public func isHeldOutPair(_ first: Int, _ second: Int) -> Bool { heldOut.isPair(first, second) }

  /// Candidates among which an identity is to be recognised, all different. The identity itself comes first. A quarter
  /// of the candidates, but at most eleven, have its kind and design in other hues. The next quarter are of other kinds
  /// in its hue, and the rest of other kinds in any hue. Other places than the identity's own do not occur.
  ///
  /// - Parameter count: number of candidates, including the identity itself. The function does not return if the world
  ///   has fewer different candidates; it stops the program if the number is negative.
  public func candidates(for identity: Identity, count: Int = 20, seed: UInt64) -> [Identity] {
    var random = SceneRandom(seed, UInt64(identity.kind), UInt64(identity.hue), UInt64(identity.design))
    let others = kinds.indices.filter { $0 != identity.kind && kinds[$0].role != .scene && isShown($0) }
    func other(hue: Int) -> Identity {
      let kind = random.pick(others)
      return Identity(kind: kind, hue: hue, design: random.below(kinds[kind].designs.count))
    }
    let turns = random.shuffled(Array(1..<Identity.hues)).map { turn in
      Identity(kind: identity.kind, hue: (identity.hue + turn) % Identity.hues, design: identity.design)
    }
    var result = ([identity] + turns.prefix(count / 4)).prefix(count)
    let sameHue = min(result.count + count / 4, count)
    while result.count < count {
      let next = other(hue: result.count < sameHue ? identity.hue : random.below(Identity.hues))
      if !result.contains(next) { result.append(next) }
    }
    return Array(result)
  }
}
