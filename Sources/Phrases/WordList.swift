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

  /// One range per phrase. If a phrase is listed more often than it occurs in the text, the surplus ones get nil.
  ///
  /// One phrase after the other gets its first occurrence that shares no word with the ranges that were given before.
  /// The longest phrase is first; of phrases of the same length, the one that occurs least often, and in a tie the one
  /// that is listed first: in "a red fox and a fox", "red fox" gets the first fox and "fox" the second. If every
  /// occurrence of a phrase shares words with those ranges, it gets one of them nevertheless.
  package func positions(of phrases: [String]) -> [Range<Int>?] {
    let found = phrases.map { occurrences(of: WordList($0)) }
    let order = phrases.indices.sorted { a, b in
      let (one, other) = (found[a].first?.count ?? 0, found[b].first?.count ?? 0)
      return one != other ? one > other : (found[a].count, a) < (found[b].count, b)
    }
    var result = [Range<Int>?](repeating: nil, count: phrases.count)
    var seen: [String: Int] = [:]
    for index in order {
      let number = seen[phrases[index], default: 0]
      seen[phrases[index]] = number + 1
      guard found[index].indices.contains(number) else { continue }
      let taken = result.compactMap { $0 }
      result[index] =
        found[index].first { range in !taken.contains { $0.overlaps(range) } }
        ?? found[index].first { !taken.contains($0) } ?? found[index][number]
    }
    return result
  }

  /// A word without the punctuation mark at its end.
  package static func withoutMark(_ word: String) -> String {
    word.last.map { ".!?,:".contains($0) } == true ? String(word.dropLast()) : word
  }
}
