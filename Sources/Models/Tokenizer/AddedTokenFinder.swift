/// Finds added tokens in texts. If several tokens match at a position, the longest one is found.
struct AddedTokenFinder: Sendable {
  enum Piece {
    case text(String)
    case token(Int)
  }

  private let tokens: [(text: [Character], id: Int, isWholeWord: Bool)]

  init(_ tokens: [AddedToken]) {
    self.tokens = tokens.filter { !$0.text.isEmpty }.sorted { ($1.text.count, $0.text) < ($0.text.count, $1.text) }
      .map { (Array($0.text), $0.id, $0.isWholeWord) }
  }

  /// The tokens in a text and the texts between them.
  func split(_ text: String) -> [Piece] {
    if tokens.isEmpty { return [.text(text)] }
    var pieces: [Piece] = []
    var plain: [Character] = []
    let characters = Array(text)
    var position = 0
    while position < characters.count {
      if let found = tokens.first(where: { matches($0, characters, at: position) }) {
        if !plain.isEmpty { pieces.append(.text(String(plain))) }
        plain = []
        pieces.append(.token(found.id))
        position += found.text.count
      } else {
        plain.append(characters[position])
        position += 1
      }
    }
    if !plain.isEmpty { pieces.append(.text(String(plain))) }
    return pieces
  }

  private func matches(
    _ token: (text: [Character], id: Int, isWholeWord: Bool), _ characters: [Character], at position: Int
  ) -> Bool {
    guard characters[position...].starts(with: token.text) else { return false }
    guard token.isWholeWord else { return true }
    let end = position + token.text.count
    return !(position > 0 && Self.isWordCharacter(characters[position - 1]))
      && !(end < characters.count && Self.isWordCharacter(characters[end]))
  }

  private static func isWordCharacter(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }
}
