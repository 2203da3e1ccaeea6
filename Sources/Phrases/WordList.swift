/// The words of a text, and the search for phrases among them. It follows the published rule, for captions of training
/// data and prompts alike.
package struct WordList: Sendable, Equatable {
  /// The parts of the text between white space, including punctuation.
  package let words: [String]

  package init(_ text: String) { words = text.split(whereSeparator: \.isWhitespace).map(String.init) }

  private init(words: [String]) { self.words = words }

  /// A list of only the last word; empty for an empty list.
  package var last: WordList { WordList(words: Array(words.suffix(1))) }

  /// Every range of words that matches a phrase's words, from left to right; none for a phrase without words.
  ///
  /// One of `. ! ? , :` at the end of a word of this list is ignored. A word also matches if it contains a hyphen
  /// followed by the phrase's word: "blue-dog" and "blue-dogs" match "dog". The phrase's words are compared exactly as
  /// they are.
  package func occurrences(of phrase: WordList) -> [Range<Int>] {
    let count = phrase.words.count
    guard count > 0, words.count >= count else { return [] }
    return (0...words.count - count).map { $0..<$0 + count }.filter { range in
      zip(words[range], phrase.words).allSatisfy { word, wanted in
        Self.withoutMark(word) == wanted || word.contains("-" + wanted)
      }
    }
  }

  /// One range per phrase. The n-th of several equal phrases gets the n-th occurrence in the text, or nil if the text
  /// has fewer occurrences.
  package func positions(of phrases: [String]) -> [Range<Int>?] {
    var seen: [String: Int] = [:]
    return phrases.map { phrase in
      let index = seen[phrase, default: 0]
      seen[phrase] = index + 1
      let found = occurrences(of: WordList(phrase))
      return found.indices.contains(index) ? found[index] : nil
    }
  }

  /// A word without the punctuation mark at its end.
  package static func withoutMark(_ word: String) -> String {
    word.last.map { ".!?,:".contains($0) } == true ? String(word.dropLast()) : word
  }
}
