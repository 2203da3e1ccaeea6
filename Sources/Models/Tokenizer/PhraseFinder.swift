import Phrases

/// The reason why a phrase has no tokens in a prompt.
public enum PhraseError: Error, Equatable, CustomStringConvertible {
  /// The words do not occur in the prompt, or not often enough; `occurrence` counts from 0.
  case absent(phrase: String, prompt: String, occurrence: Int)
  /// The words occur in the prompt, but beyond the tokens that the text encoder reads; `length` is their number.
  case beyondEnd(phrase: String, prompt: String, tokens: Range<Int>, length: Int)

  public var description: String {
    switch self {
    case .absent(let phrase, let prompt, let occurrence):
      (occurrence == 0
        ? "the phrase '\(phrase)' is not in the prompt"
        : "the phrase '\(phrase)' does not occur \(occurrence + 1) times in the prompt")
        + "; the prompt's words are: \(prompt.split(whereSeparator: \.isWhitespace).joined(separator: " | ")). "
        + "Copy the words exactly as they are in the prompt, in upper and lower case"
    case .beyondEnd(let phrase, _, let tokens, let length):
      "the phrase '\(phrase)' has the tokens \(tokens.lowerBound)–\(tokens.upperBound - 1) of the prompt, but the text "
        + "encoder reads only \(length), including start and end; shorten the prompt before the phrase"
    }
  }
}

/// Finds the tokens of a phrase in a prompt.
public struct PhraseFinder: Sendable {
  /// Which occurrence of a phrase is meant, and how the tokens before it are counted.
  public enum Mode: Sendable {
    /// Each phrase gets words of its own if there are any: in "a red fox and a fox", "fox" means the second fox if "red
    /// fox" is listed too. All tokens before an occurrence are counted.
    case counted
    /// As in the published code: the n-th time that a phrase is listed means its n-th occurrence, even inside another
    /// phrase. The tokens of the first word of each earlier occurrence are not counted, so that the span of a later
    /// occurrence starts too early.
    case published
  }

  /// Two phrases that share words of the prompt, because it does not contain them separately.
  public struct Overlap: Sendable, Equatable, CustomStringConvertible {
    /// Indices of the two phrases.
    public let first, second: Int
    /// The two phrases.
    public let phrases: [String]
    /// The words that they share.
    public let words: String

    public var description: String {
      "the phrases '\(phrases[0])' and '\(phrases[1])' share the words '\(words)' of the prompt, so that their attention "
        + "cannot be told apart; name each subject in words of its own"
    }
  }

  /// An occurrence in the prompt.
  public struct Match: Sendable, Equatable {
    /// Token positions; the start token has position 0.
    public let span: Range<Int>
    /// The prompt's words that matched, the last one without its punctuation mark.
    public let words: [String]
  }

  private let tokenizer: CLIPTokenizer
  private let mode: Mode
  private let length: Int

  /// - Parameter length: Number of tokens that the text encoder reads, including start and end.
  public init(tokenizer: CLIPTokenizer, mode: Mode = .counted, length: Int = 77) {
    (self.tokenizer, self.mode, self.length) = (tokenizer, mode, length)
  }

  /// The tokens of several phrases in a prompt, one range per phrase; ``Mode`` says which occurrence of a phrase is
  /// meant. A phrase that is listed several times needs as many occurrences.
  public func spans(of phrases: [String], in prompt: String) -> [Result<Range<Int>, PhraseError>] {
    let words = WordList(prompt)
    let positions = mode == .published ? nil : words.positions(of: phrases)
    var seen: [String: Int] = [:]
    return phrases.enumerated().map { index, phrase in
      let occurrence = seen[phrase, default: 0]
      seen[phrase] = occurrence + 1
      let match =
        positions.map { $0[index].map { self.match($0, of: words, uncounted: []) } }
        ?? match(phrase, in: prompt, occurrence: occurrence)
      guard let match else { return .failure(.absent(phrase: phrase, prompt: prompt, occurrence: occurrence)) }
      // The last position belongs to the end token.
      guard match.span.upperBound <= length - 1 else {
        return .failure(.beyondEnd(phrase: phrase, prompt: prompt, tokens: match.span, length: length))
      }
      return .success(match.span)
    }
  }

  /// The pairs of phrases that share words of the prompt.
  public func overlaps(of phrases: [String], in prompt: String) -> [Overlap] {
    let words = WordList(prompt)
    let positions = words.positions(of: phrases)
    return phrases.indices.flatMap { first in
      phrases.indices.dropFirst(first + 1).compactMap { second in
        guard let one = positions[first], let other = positions[second], one.overlaps(other) else { return nil }
        return Overlap(
          first: first, second: second, phrases: [phrases[first], phrases[second]],
          words: words.words[one.clamped(to: other)].joined(separator: " "))
      }
    }
  }

  /// The n-th occurrence of the phrase's words in the prompt; nil if there are not so many.
  ///
  /// A mark `. ! ? , :` at the end of a prompt word is ignored. A prompt word also matches if it contains "-" followed
  /// by the phrase's word, as "blue-dog" matches "dog".
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
    let uncounted = mode == .published ? Set(found[..<occurrence].map(\.lowerBound)) : []
    return match(found[occurrence], of: words, uncounted: uncounted)
  }

  /// The tokens of a range of words. Tokens of the words before it are counted, except those of the words `uncounted`.
  private func match(_ range: Range<Int>, of words: WordList, uncounted: Set<Int>) -> Match {
    let before = words.words[..<range.lowerBound].enumerated().filter { !uncounted.contains($0.offset) }
    let position = before.reduce(1) { $0 + tokenizer.tokens(of: $1.element).count }
    var matched = Array(words.words[range])
    matched[matched.count - 1] = WordList.withoutMark(matched[matched.count - 1])
    let count = matched.reduce(0) { $0 + tokenizer.tokens(of: $1).count }
    return Match(span: position..<position + count, words: matched)
  }
}
