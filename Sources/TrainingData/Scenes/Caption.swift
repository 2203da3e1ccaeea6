/// Writes the caption of a scene in the style of the prompts of the paper's benchmark (MS-Bench). The caption names
/// kinds and places, but never colours or designs.
struct Caption {
  private let kinds: [Kind]

  init(_ kinds: [Kind]) { self.kinds = kinds }

  /// - Parameters:
  ///   - plain: kinds of subjects that neither wear nor are worn.
  ///   - wearer: the kind that wears `clothes`, named last; nil if nothing is worn.
  ///   - clothes: kinds of the clothes that are worn; has no effect if `wearer` is nil.
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
