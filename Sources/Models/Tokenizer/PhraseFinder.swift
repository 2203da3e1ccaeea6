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
  /// How the tokens before the n-th occurrence of a phrase are counted.
  public enum Mode: Sendable {
    /// Correctly: all tokens before the occurrence are counted.
    case counted
    /// As in the published code: the tokens of the first word of each earlier occurrence are not counted, so that the
    /// span starts too early.
    case published
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

  /// The tokens of several phrases in a prompt, one range per phrase. If a phrase is listed several times, the n-th
  /// time means its n-th occurrence.
  public func spans(of phrases: [String], in prompt: String) -> [Result<Range<Int>, PhraseError>] {
    var seen: [String: Int] = [:]
    return phrases.map { phrase in
      let occurrence = seen[phrase, default: 0]
      seen[phrase] = occurrence + 1
      guard let match = match(phrase, in: prompt, occurrence: occurrence) else {
        return .failure(.absent(phrase: phrase, prompt: prompt, occurrence: occurrence))
      }
      // The last position belongs to the end token.
      guard match.span.upperBound <= length - 1 else {
        return .failure(.beyondEnd(phrase: phrase, prompt: prompt, tokens: match.span, length: length))
      }
      return .success(match.span)
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
