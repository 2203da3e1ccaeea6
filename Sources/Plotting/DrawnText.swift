import Foundation

/// A line of text in the form in which libgd draws it correctly: with composed characters, in their order on the line
/// from left to right, and with an empty box for each character that the font lacks.
struct DrawnText {
  /// Replaces a character that cannot be drawn.
  static let box = "\u{25a1}"

  private enum Direction { case left, right, number, neutral }

  /// One character as readers see it, with its accents.
  private struct Cluster {
    var text: String
    var direction: Direction
    var level = 0
    /// Whether the next letter does not join it, because a zero-width non-joiner (U+200C) is between them.
    var isApart = false

    /// The letter under the accents.
    var letter: UInt32 { text.unicodeScalars.first?.value ?? 0 }
  }

  private var clusters: [Cluster]

  /// - Parameter canDraw: Whether the font has a scalar.
  init(_ text: String, canDraw: (Unicode.Scalar) -> Bool) {
    clusters = text.precomposedStringWithCanonicalMapping.compactMap { character in
      let scalars = character.unicodeScalars.filter { !Self.isInvisible($0) }
      guard let first = scalars.first else { return nil }
      if Self.isControl(first) { return Cluster(text: " ", direction: .neutral) }
      // libgd does not decode UTF-8 characters of four bytes.
      let isDrawn = scalars.allSatisfy { $0.value <= 0xffff && canDraw($0) }
      var drawn = String.UnicodeScalarView()
      drawn.append(contentsOf: scalars)
      return Cluster(
        text: isDrawn ? String(drawn) : Self.box, direction: Self.direction(first),
        isApart: character.unicodeScalars.contains { $0.value == 0x200c })
    }
    if clusters.contains(where: { ArabicForms.joinsPrevious($0.letter) }) { joinLetters(canDraw) }
  }

  /// Replaces Arabic letters by the forms that join them to their neighbours.
  private mutating func joinLetters(_ canDraw: (Unicode.Scalar) -> Bool) {
    func replaced(_ index: Int, by form: UInt32?) -> String? {
      guard let form, let scalar = Unicode.Scalar(form), canDraw(scalar) else { return nil }
      let accents = clusters[index].text.unicodeScalars.dropFirst()
      return String(Character(scalar)) + accents.map { String(Character($0)) }.joined()
    }
    let letters = clusters
    var merged: Set<Int> = []
    for (index, cluster) in letters.enumerated() where !merged.contains(index) {
      let isJoined =
        index > 0 && !letters[index - 1].isApart && ArabicForms.joinsNext(letters[index - 1].letter)
        && ArabicForms.joinsPrevious(cluster.letter)
      let next = index + 1 < letters.count && !cluster.isApart ? letters[index + 1].letter : 0
      if let sign = replaced(index, by: ArabicForms.ligature(cluster.letter, next, isJoined: isJoined)) {
        clusters[index].text =
          sign + letters[index + 1].text.unicodeScalars.dropFirst().map { String(Character($0)) }.joined()
        merged.insert(index + 1)
      } else if let form = replaced(
        index,
        by: ArabicForms.form(
          cluster.letter, afterLetter: isJoined,
          beforeLetter: ArabicForms.joinsNext(cluster.letter) && ArabicForms.joinsPrevious(next)))
      {
        clusters[index].text = form
      }
    }
    clusters = clusters.indices.filter { !merged.contains($0) }.map { clusters[$0] }
  }

  /// The text for libgd. Ampersands are escaped, because libgd decodes HTML entities.
  var forLibgd: String {
    var ordered = self
    if clusters.contains(where: { $0.direction == .right }) { ordered.arrange() }
    return ordered.clusters.map(\.text).joined().replacing("&", with: "&amp;")
  }

  // MARK: Kinds of characters

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control || [0x2028, 0x2029].contains(scalar.value)
  }

  /// Whether a character only controls how others are drawn.
  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isDefaultIgnorableCodePoint && !isControl(scalar)
  }

  private static func direction(_ scalar: Unicode.Scalar) -> Direction {
    switch scalar.value {
    case 0x660...0x669, 0x6f0...0x6f9: return .number
    case 0x590...0x8ff, 0xfb1d...0xfdff, 0xfe70...0xfeff, 0x10800...0x10fff, 0x1e800...0x1efff: return .right
    default: break
    }
    switch scalar.properties.generalCategory {
    case .decimalNumber: return .number
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .letterNumber:
      return .left
    default: return .neutral
    }
  }

  // MARK: Order

  /// Puts the characters into the order in which they are drawn from left to right: the Unicode Bidirectional Algorithm
  /// (UAX 9) without its rules for embeddings, which need invisible characters.
  private mutating func arrange() {
    let isRightToLeft = clusters.first { $0.direction == .left || $0.direction == .right }?.direction == .right
    let base = isRightToLeft ? Direction.right : .left
    resolveNumbers(base)
    resolveNeutrals(base)
    for index in clusters.indices {
      switch clusters[index].direction {
      case .right: clusters[index].level = 1
      case .number: clusters[index].level = 2
      case .left, .neutral: clusters[index].level = isRightToLeft ? 2 : 0
      }
      if clusters[index].level == 1 { clusters[index].text = Self.mirrored(clusters[index].text) }
    }
    for level in [2, 1] {
      var start = 0
      while start < clusters.count {
        let run = clusters[start...].prefix { $0.level >= level }
        clusters[start..<start + run.count].reverse()
        start += run.count + 1
      }
    }
  }

  /// A number after left-to-right letters gets their direction (W7). A separator between two digits belongs to the
  /// number (W4).
  private mutating func resolveNumbers(_ base: Direction) {
    var last = base
    for index in clusters.indices {
      let direction = clusters[index].direction
      if direction == .left || direction == .right { last = direction }
      let isBetweenDigits =
        index > 0 && index + 1 < clusters.count && [".", ",", ":", "/"].contains(clusters[index].text)
        && clusters[index + 1].direction == .number && clusters[index - 1].direction != .neutral
        && clusters[index - 1].text.unicodeScalars.allSatisfy { $0.properties.generalCategory == .decimalNumber }
      if direction == .number || isBetweenDigits { clusters[index].direction = last == .left ? .left : .number }
    }
  }

  /// Spaces and other neutral characters get the direction of the characters on both sides if these agree (N1),
  /// otherwise the direction of the line (N2).
  private mutating func resolveNeutrals(_ base: Direction) {
    func side(_ direction: Direction?) -> Direction {
      switch direction {
      case .left?: .left
      case .right?, .number?: .right
      case .neutral?, nil: base
      }
    }
    var start = 0
    while start < clusters.count {
      let count = clusters[start...].prefix { $0.direction == .neutral }.count
      if count > 0 {
        let before = side(start > 0 ? clusters[start - 1].direction : nil)
        let after = side(start + count < clusters.count ? clusters[start + count].direction : nil)
        for index in start..<start + count { clusters[index].direction = before == after ? before : base }
      }
      start += max(count, 1)
    }
  }

  private static func mirrored(_ text: String) -> String {
    let pairs = ["(": ")", ")": "(", "[": "]", "]": "[", "{": "}", "}": "{", "<": ">", ">": "<", "«": "»", "»": "«"]
    return pairs[text] ?? text
  }
}
