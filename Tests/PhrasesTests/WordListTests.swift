import Phrases
import TestSupport
import Testing

@Suite struct WordListTests {
  private func occurrences(of phrase: String, in text: String) -> [Range<Int>] {
    WordList(text).occurrences(of: WordList(phrase))
  }

  @Test func phrasesAreFoundByWords() {
    #expect(occurrences(of: "dog", in: "a dog, a hotdog and a blue-dog") == [1..<2, 6..<7])
    #expect(occurrences(of: "tennis racket", in: "a tennis racket and a racket.") == [1..<3])
    #expect(occurrences(of: "dog", in: "a Dog").isEmpty)
    #expect(occurrences(of: "", in: "a dog").isEmpty && occurrences(of: " ", in: "").isEmpty)
    #expect(occurrences(of: "a dog and a cat", in: "a dog").isEmpty)
  }

  /// One of the marks . ! ? , : at the end of a word in the text is ignored. In the phrase no mark is ignored.
  @Test func marksAreIgnoredInTheTextAlone() {
    #expect(occurrences(of: "dog", in: "dog. dog! dog? dog, dog: dog; dog!! (dog").count == 5)
    #expect(occurrences(of: "dog,", in: "a dog, a dog").isEmpty)
    #expect(occurrences(of: "dog", in: "sea-dog, dog-house").count == 1)
  }

  /// Occurrences overlap in the published search too, as it starts at every word.
  @Test func occurrencesMayOverlap() {
    #expect(occurrences(of: "very very", in: "very very very big") == [0..<2, 1..<3])
  }

  /// The same rule as a regular expression: a word, or its part after a hyphen, with or without a mark at its end.
  @Test func occurrencesEqualThoseOfARegularExpression() throws {
    let words = ["dog", "cat", "dog,", "sea-cat", "cat.", "a"]
    var numbers = TestNumbers(4)
    for _ in 0..<500 {
      let text = (0..<9).map { _ in words[Int(numbers.next() * 6) % 6] }
      let phrase = (0..<1 + Int(numbers.next() * 2)).map { _ in ["dog", "cat", "a"][Int(numbers.next() * 3) % 3] }
      let pattern = try Regex("^ " + phrase.map { "(?:\\S*-)?\($0)[.!?,:]?" }.joined(separator: " ") + "(?: |$)")
      let expected = text.indices.filter { start in
        (" " + text[start...].joined(separator: " ")).contains(pattern)
      }
      let found = occurrences(of: phrase.joined(separator: " "), in: text.joined(separator: " \n"))
      #expect(
        found.map(\.lowerBound) == expected && found.allSatisfy { $0.count == phrase.count }, "\(text): \(phrase)")
    }
  }

  @Test func equalPhrasesTakeOneOccurrenceEach() {
    let words = WordList("a dog, a cat and a dog")
    #expect(words.positions(of: ["dog", "cat", "dog", "dog", "cow"]) == [1..<2, 3..<4, 6..<7, nil, nil])
  }
}
