import JSON

/// Everything that training never sees, as listed in `Resources/held-out.json`: some kinds, two hues of every other
/// kind and place, and pairs of kinds.
package struct HeldOut: Sendable {
  /// Names of the held-out kinds.
  package let kinds: Set<String>
  /// The two held-out hues of each kind, by the kind's index; none for held-out kinds.
  private let hues: [[Int]]
  private let isPair: [Bool]
  private let count: Int

  package init() throws {
    try self.init(
      JSONNode(JSONValue.parse(PackageResources.held_out_json, name: "held-out.json"), name: "held-out.json"))
  }

  /// - Throws: ``TrainingDataError/heldOut(location:expected:found:)`` if the list does not match the kinds;
  ///   `JSONError` if an entry is missing or has the wrong type.
  package init(_ file: JSONNode) throws {
    let names = try file["kinds"].strings()
    kinds = Set(names)
    let all = KindCatalogue.kinds(heldOut: kinds)
    count = all.count
    let indices = Dictionary(uniqueKeysWithValues: all.enumerated().map { ($1.name, $0) })
    func index(_ name: String, _ key: String) throws -> Int {
      guard let index = indices[name] else {
        throw TrainingDataError.heldOut(location: key, expected: "names of kinds", found: "'\(name)'")
      }
      return index
    }
    for name in names { _ = try index(name, "kinds") }
    for name in try file["hues"].keys() { _ = try index(name, "hues") }
    hues = try all.map { kind in
      if kind.isHeldOut { return [] }
      let listed = try file["hues"][kind.name].ints(or: [])
      guard listed.count == 2, listed[0] != listed[1], listed.allSatisfy((0..<Identity.hues).contains) else {
        throw TrainingDataError.heldOut(
          location: "hues.\(kind.name)", expected: "two different numbers 0..<\(Identity.hues)", found: "\(listed)")
      }
      return listed
    }
    var isPair = [Bool](repeating: false, count: count * count)
    for name in try file["pairs"].keys() {
      let first = try index(name, "pairs")
      for other in try file["pairs"][name].strings() {
        let second = try index(other, "pairs.\(name)")
        (isPair[first * count + second], isPair[second * count + first]) = (true, true)
      }
    }
    self.isPair = isPair
  }

  /// Whether two kinds are a held-out pair, which training never sees in one scene.
  package func isPair(_ first: Int, _ second: Int) -> Bool { isPair[first * count + second] }

  /// The hues, 0..<12, in which a split shows a kind. The split must contain the kind; this is not checked.
  package func hues(of kind: Int, in split: Split) -> [Int] {
    switch split {
    case .training: (0..<Identity.hues).filter { !hues[kind].contains($0) }
    case .heldOutIdentities: hues[kind]
    case .heldOutKinds: Array(0..<Identity.hues)
    }
  }
}
