/// The words of a text, and where the words of a phrase occur among them: the one rule that captions of training data and
/// prompts are searched by, as published.
package struct WordList: Sendable, Equatable {
  /// Parted by white space, each with the punctuation that stands at it.
  package let words: [String]

  package init(_ text: String) { words = text.split(whereSeparator: \.isWhitespace).map(String.init) }

  private init(words: [String]) { self.words = words }

  /// The last word alone; none of an empty list.
  package var last: WordList { WordList(words: Array(words.suffix(1))) }

  /// Every run of words that equals a phrase's words, from left to right; none for a phrase without words.
  ///
  /// One of `. ! ? , :` at the end of a word of this list is ignored, and "blue-dog" holds "dog". The phrase's own words
  /// count as they stand.
  package func occurrences(of phrase: WordList) -> [Range<Int>] {
    let count = phrase.words.count
    guard count > 0, words.count >= count else { return [] }
    return (0...words.count - count).map { $0..<$0 + count }.filter { range in
      zip(words[range], phrase.words).allSatisfy { word, wanted in
        Self.withoutMark(word) == wanted || word.contains("-" + wanted)
      }
    }
  }

  /// Where each of several phrases occurs: the n-th of equal phrases at their n-th occurrence; nil where there are not so
  /// many.
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
