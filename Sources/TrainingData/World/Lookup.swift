extension EmojiWorld {
  /// The index of a kind by its name.
  /// - Throws: ``TrainingDataError/unknownKind(name:near:)``.
  public func kind(_ name: String) throws -> Int {
    if let index = kinds.firstIndex(where: { $0.name == name }) { return index }
    let near = kinds.map(\.name).filter { $0.contains(name) || name.contains($0) || $0.prefix(2) == name.prefix(2) }
    throw TrainingDataError.unknownKind(name: name, near: Array(near.prefix(5)))
  }

  /// Every identity that a split shows, in a fixed order.
  ///
  /// - Parameter places: whether to include places in their palettes.
  public func identities(in split: Split, places: Bool = false) -> [Identity] {
    kinds.indices.flatMap { index -> [Identity] in
      let kind = kinds[index]
      guard kind.isHeldOut == (split == .heldOutKinds), places || kind.role != .scene else { return [] }
      return kind.designs.indices.flatMap { design in
        heldOut.hues(of: index, in: split).map { Identity(kind: index, hue: $0, design: design) }
      }
    }
  }

  /// Whether training never sees these two kinds in one scene, though it sees each.
  public func isHeldOutPair(_ first: Int, _ second: Int) -> Bool { heldOut.isPair(first, second) }

  /// Candidates for recognising an identity: the identity itself, then a quarter of the same kind in other hues,
  /// a quarter of other kinds in the same hue, and the rest of any kind and hue. All differ.
  ///
  /// - Parameter count: number of candidates, including the identity itself.
  public func candidates(for identity: Identity, count: Int = 20, seed: UInt64) -> [Identity] {
    var random = SceneRandom(seed, UInt64(identity.kind), UInt64(identity.hue), UInt64(identity.design))
    let others = kinds.indices.filter { $0 != identity.kind && kinds[$0].role != .scene }
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
