/// The sentence of a scene, after the prompts of the benchmark. It names kinds and places, never a look.
struct Caption {
  private let kinds: [Kind]

  init(_ kinds: [Kind]) { self.kinds = kinds }

  /// - Parameters:
  ///   - plain: what stands by itself.
  ///   - wearer: who wears `clothes`; named last.
  ///   - ending: "on the beach", "with a beach in the background", or nothing.
  func text(_ plain: [Int], wearer: Int?, clothes: [Int], ending: String) -> String {
    var names = plain.map { kinds[$0].withArticle }
    if let wearer {
      names.append(kinds[wearer].withArticle + " wearing " + Self.list(clothes.map { kinds[$0].withArticle }))
    }
    return Self.list(names) + (ending.isEmpty ? "" : " " + ending)
  }

  /// "a, b and c".
  private static func list(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }
}
