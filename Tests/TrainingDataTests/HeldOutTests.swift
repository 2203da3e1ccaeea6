import JSON
import TestSupport
import Testing
import TrainingData

private let many = isOptimised ? 5000 : 500

@Suite struct HeldOutTests {
  private struct Seen {
    var identities: Set<Identity> = []
    var kinds: Set<Int> = []
    var pairs: Set<[Int]> = []
  }

  /// The identities, kinds and pairs of kinds of the subjects in many scenes. Places are not counted in pairs.
  private func seen(_ split: Split, _ subjects: ClosedRange<Int> = 1...4) -> Seen {
    var seen = Seen()
    for index in 0..<many {
      let identities = world.plan(index, seed: 31, split: split, subjects: subjects).subjects.map(\.identity)
      seen.identities.formUnion(identities)
      seen.kinds.formUnion(identities.map(\.kind))
      let kinds = identities.map(\.kind).filter { world.kinds[$0].role != .scene }
      for (position, kind) in kinds.enumerated() {
        for other in kinds[(position + 1)...] where other != kind { seen.pairs.insert([kind, other].sorted()) }
      }
    }
    return seen
  }

  @Test func splitsShareNothingThatIsHeldOut() {
    let (training, identities, kinds) = (seen(.training), seen(.heldOutIdentities), seen(.heldOutKinds))
    #expect(training.identities.isDisjoint(with: identities.identities))
    #expect(training.identities.isDisjoint(with: kinds.identities))
    #expect(training.kinds.isDisjoint(with: kinds.kinds))
    #expect(identities.kinds.isDisjoint(with: kinds.kinds))
    #expect(training.pairs.allSatisfy { !world.isHeldOutPair($0[0], $0[1]) })
    #expect(kinds.kinds.allSatisfy { world.kinds[$0].isHeldOut })
    // Training has seen the kinds of held-out identities, but only in other hues.
    if isOptimised { #expect(identities.kinds.subtracting(training.kinds).isEmpty) }
    // With two subjects, training never sees the pair.
    let two = seen(.heldOutIdentities, 2...2)
    #expect(two.pairs.allSatisfy { world.isHeldOutPair($0[0], $0[1]) } && two.pairs.isDisjoint(with: training.pairs))
  }

  /// Checks all figures, including those that wear clothes without being a subject, and the place in the background.
  @Test func trainingShowsNoHeldOutIdentityAnywhere() {
    let allowed = Set(world.identities(in: .training, places: true))
    let firstPlace = world.kinds.firstIndex { $0.role == .scene } ?? 0
    for index in 0..<many {
      let plan = world.plan(index, seed: 32)
      let figures = plan.figures.map(\.identity)
      #expect(figures.allSatisfy(allowed.contains))
      for (position, figure) in figures.enumerated() {
        for other in figures[(position + 1)...] { #expect(!world.isHeldOutPair(figure.kind, other.kind)) }
      }
      guard let place = plan.backdrop.place else { continue }
      #expect(allowed.contains(Identity(kind: firstPlace + place.rawValue, hue: plan.backdrop.palette)))
    }
  }

  @Test func everySubjectOfUnseenScenesIsInAnUnseenPair() {
    for index in 0..<many / 4 {
      let plan = world.plan(index, seed: 33, split: .heldOutIdentities, subjects: 3...4)
      let kinds = plan.subjects.map(\.identity.kind).filter { world.kinds[$0].role != .scene }
      for kind in kinds { #expect(kinds.contains { world.isHeldOutPair($0, kind) }, "\(plan.caption)") }
    }
  }

  @Test func theListHoldsOutAsMuchAsIntended() {
    let known = world.kinds.indices.filter { !world.kinds[$0].isHeldOut && world.kinds[$0].role != .scene }
    let unknown = world.kinds.filter(\.isHeldOut)
    #expect((90...115).contains(known.count) && (16...18).contains(unknown.count))
    for role in Role.allCases where role != .scene { #expect(unknown.contains { $0.role == role }) }
    let pairs = known.indices.reduce(0) { sum, position in
      sum + known[(position + 1)...].count { world.isHeldOutPair(known[position], $0) }
    }
    let fraction = Double(pairs) / Double(known.count * (known.count - 1) / 2)
    #expect((0.09...0.11).contains(fraction))
    for kind in known {
      let (shown, hidden) = (
        world.heldOut.hues(of: kind, in: .training), world.heldOut.hues(of: kind, in: .heldOutIdentities)
      )
      #expect(shown.count == 10 && hidden.count == 2 && Set(shown + hidden) == Set(0..<12))
    }
    #expect(world.identities(in: .heldOutKinds).count >= 12 * unknown.count)
  }

  /// A rotation of the hue must be visible.
  @Test func noDrawingIsNearlyColourless() {
    for kind in world.kinds.indices {
      for chroma in world.chroma(ofKind: kind) { #expect(chroma > 0.2, "\(world.kinds[kind].name): \(chroma)") }
    }
  }

  @Test(arguments: [
    (#"{"kinds": ["unicorn", "griffin"], "hues": {}, "pairs": {}}"#, "kinds: expected names of kinds, found 'griffin'"),
    (#"{"kinds": [], "hues": {}, "pairs": {}}"#, "hues.dog: expected two different numbers 0..<12, found []"),
    (#"{"kinds": [], "hues": {"dog": [3, 12]}, "pairs": {}}"#, "hues.dog"),
    (#"{"kinds": [], "hues": {"dog": [3, 3]}, "pairs": {}}"#, "hues.dog"),
  ])
  func aListThatDoesNotFitIsAnError(text: String, message: String) throws {
    let node = JSONNode(try JSONValue.parse(text, name: "list"), name: "list")
    let error = #expect(throws: TrainingDataError.self) { try HeldOut(node) }
    #expect(error.map { "\($0)".contains(message) } == true)
  }
}
