import Phrases

/// Why a phrase has no place in a prompt.
public enum PhraseError: Error, Equatable, CustomStringConvertible {
  /// The words do not occur, or not often enough.
  case absent(phrase: String, prompt: String, occurrence: Int)
  /// The words occur, but where the text encoder does not see them any more.
  case beyondEnd(phrase: String, prompt: String, tokens: Range<Int>, length: Int)

  public var description: String {
    switch self {
    case .absent(let phrase, let prompt, let occurrence):
      (occurrence == 0
        ? "the phrase '\(phrase)' is not in the prompt"
        : "the phrase '\(phrase)' is not \(occurrence + 1) times in the prompt")
        + "; its words are: \(prompt.split(whereSeparator: \.isWhitespace).joined(separator: " | ")). "
        + "Use words of the prompt as they stand there, upper and lower case told apart"
    case .beyondEnd(let phrase, _, let tokens, let length):
      "the phrase '\(phrase)' stands at the tokens \(tokens.lowerBound)–\(tokens.upperBound - 1) of the prompt, of which "
        + "only \(length) (start and end among them) are seen; shorten the prompt before it"
    }
  }
}

/// Finds which tokens of a prompt a phrase is.
public struct PhraseFinder: Sendable {
  /// How tokens before an n-th equal phrase are counted.
  public enum Mode: Sendable {
    /// Rightly.
    case counted
    /// As the published search does: the first word of each earlier, skipped match is not counted, so that the span
    /// comes out too early.
    case published
  }

  /// A place in the prompt.
  public struct Match: Sendable, Equatable {
    /// Token places, the start token being place 0.
    public let span: Range<Int>
    /// The prompt's words that matched, the last one without its punctuation mark.
    public let words: [String]
  }

  private let tokenizer: CLIPTokenizer
  private let mode: Mode
  private let length: Int

  /// - Parameter length: Tokens that the text encoder sees, start and end among them.
  public init(tokenizer: CLIPTokenizer, mode: Mode = .counted, length: Int = 77) {
    (self.tokenizer, self.mode, self.length) = (tokenizer, mode, length)
  }

  /// Places of several phrases, one for each: the n-th of equal phrases is looked for as the n-th match.
  public func spans(of phrases: [String], in prompt: String) -> [Result<Range<Int>, PhraseError>] {
    var seen: [String: Int] = [:]
    return phrases.map { phrase in
      let occurrence = seen[phrase, default: 0]
      seen[phrase] = occurrence + 1
      guard let match = match(phrase, in: prompt, occurrence: occurrence) else {
        return .failure(.absent(phrase: phrase, prompt: prompt, occurrence: occurrence))
      }
      // The last place is the end token's.
      guard match.span.upperBound <= length - 1 else {
        return .failure(.beyondEnd(phrase: phrase, prompt: prompt, tokens: match.span, length: length))
      }
      return .success(match.span)
    }
  }

  /// The n-th run of the prompt's words that equals the phrase's words, nil where there are not so many.
  ///
  /// A trailing one of `. ! ? , :` of a prompt word is ignored, and a prompt word also matches when it holds "-" and then
  /// the phrase's word.
  /// - Parameters:
  ///   - occurrence: n, counted from 0.
  ///   - lastWordOnly: Whether only the phrase's last word is looked for.
  public func match(
    _ phrase: String, in prompt: String, occurrence: Int = 0, lastWordOnly: Bool = false
  ) -> Match? {
    let words = WordList(prompt)
    let wanted = WordList(phrase)
    let found = words.occurrences(of: lastWordOnly ? wanted.last : wanted)
    guard found.indices.contains(occurrence) else { return nil }
    let range = found[occurrence]
    let uncounted = mode == .published ? Set(found[..<occurrence].map(\.lowerBound)) : []
    let before = words.words[..<range.lowerBound].enumerated().filter { !uncounted.contains($0.offset) }
    let position = before.reduce(1) { $0 + tokenizer.tokens(of: $1.element).count }
    var matched = Array(words.words[range])
    matched[matched.count - 1] = WordList.withoutMark(matched[matched.count - 1])
    let count = matched.reduce(0) { $0 + tokenizer.tokens(of: $1).count }
    return Match(span: position..<position + count, words: matched)
  }
}
