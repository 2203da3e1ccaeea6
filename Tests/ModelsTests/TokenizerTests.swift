import Foundation
import JSON
import Models
import TestSupport
import Testing

@Suite struct TokenizerTests {
  private static let first = Result { try CLIPTokenizer(folder: Golden.path("pipeline/tokenizer")) }
  private static let second = Result { try CLIPTokenizer(folder: Golden.path("pipeline/tokenizer_2")) }

  @Test func everyGoldenPromptHasItsTokens() throws {
    let prompts = try JSONNode.read(Golden.path("tokens.json"))["prompts"].array()
    #expect(prompts.count == 175)
    for prompt in prompts {
      let text = try prompt["prompt"].string()
      let (one, two) = (try Self.first.get(), try Self.second.get())
      #expect([one.startToken] + one.tokens(of: text) + [one.endToken] == (try prompt["ids"].ints()), "\(text)")
      #expect([two.startToken] + two.tokens(of: text) + [two.endToken] == (try prompt["ids_2"].ints()), "\(text)")
    }
  }

  @Test func longPromptsAreCutAndTheCutIsNamed() throws {
    let tokenizer = try Self.first.get()
    let words = (0..<100).map { "word\($0 % 10)" }
    let encoding = tokenizer.encode(words.joined(separator: " "), length: 20)
    #expect(encoding.ids.count == 20)
    #expect(encoding.ids.last == tokenizer.endToken)
    #expect(encoding.endPosition == 19)
    #expect(encoding.cutText.split(separator: " ").count == 91)
    #expect(tokenizer.encode("a cat", length: 20).cutText.isEmpty)
  }

  @Test func piecesJoinToTheText() throws {
    let tokenizer = try Self.first.get()
    #expect(tokenizer.pieces(of: tokenizer.tokens(of: "a café by the sea")) == ["a", "café", "by", "the", "sea"])
    #expect(tokenizer.pieces(of: tokenizer.tokens(of: "antidisestablishment")).joined() == "antidisestablishment")
  }

  @Test func equalPhrasesAreCountedRightly() throws {
    let prompt = "a dog, a dog and a dog"
    let counted = PhraseFinder(tokenizer: try Self.first.get(), mode: .counted).spans(
      of: ["dog", "dog", "dog"], in: prompt)
    #expect(try counted.map { try $0.get() } == [2..<3, 5..<6, 8..<9])
    let published = PhraseFinder(tokenizer: try Self.first.get(), mode: .published).spans(
      of: ["dog", "dog", "dog"], in: prompt)
    #expect(try published.map { try $0.get() } == [2..<3, 3..<4, 5..<6])
  }

  /// A phrase whose words also occur inside another phrase of the list finds an occurrence of its own, in whichever order
  /// the list has them. In the published mode, a phrase gets its first occurrence, even inside another phrase.
  @Test(arguments: [
    ("a red fox and a fox", ["red fox", "fox"], [2..<4, 6..<7]),
    ("a fox and a red fox", ["red fox", "fox"], [5..<7, 2..<3]),
    ("a hot dog, a dog and a dog", ["dog", "hot dog", "dog"], [6..<7, 2..<4, 9..<10]),
    ("a big red fox, a red fox and a fox", ["fox", "red fox", "big red fox"], [11..<12, 7..<9, 2..<5]),
    ("a red fox and a red fox", ["fox", "red fox"], [7..<8, 2..<4]),
    ("a dog and a blue-dog", ["dog", "blue-dog"], [2..<3, 5..<8]),
    ("a blue-dog and a dog", ["dog", "blue-dog"], [7..<8, 2..<5]),
  ]) func phrasesFindTheirOwnWords(prompt: String, phrases: [String], spans: [Range<Int>]) throws {
    let finder = PhraseFinder(tokenizer: try Self.first.get())
    #expect(try finder.spans(of: phrases, in: prompt).map { try $0.get() } == spans)
    let reversed = finder.spans(of: phrases.reversed(), in: prompt)
    // Equal phrases get their occurrences in the order of the prompt, also if the list is reversed.
    if Set(phrases).count == phrases.count { #expect(try reversed.map { try $0.get() } == spans.reversed()) }
    #expect(finder.overlaps(of: phrases, in: prompt).isEmpty)
    let published = PhraseFinder(tokenizer: try Self.first.get(), mode: .published)
    let first = try #require(published.match(phrases[0], in: prompt)).span
    #expect(try published.spans(of: phrases, in: prompt)[0].get() == first)
  }

  @Test func phrasesThatShareWordsAreNamed() throws {
    let finder = PhraseFinder(tokenizer: try Self.first.get())
    let overlaps = finder.overlaps(of: ["fox", "red fox", "dog"], in: "a red fox and a dog")
    #expect(overlaps.map(\.words) == ["fox"] && overlaps.map(\.first) == [0] && overlaps.map(\.second) == [1])
    #expect("\(overlaps[0])".contains("'fox' and 'red fox' share the words 'fox'"))
    #expect(try finder.spans(of: ["fox", "red fox"], in: "a red fox")[0].get() == 3..<4)
    // The list's second "fox" finds no occurrence that is free. It gets the one inside "red fox", not the one that the
    // list's first "fox" has.
    let shared = finder.spans(of: ["fox", "fox", "red fox"], in: "a red fox and a fox")
    #expect(try shared.map { try $0.get() } == [6..<7, 3..<4, 2..<4])
    #expect(finder.overlaps(of: ["a b", "b c"], in: "a b c").map(\.words) == ["b"])
    #expect(finder.overlaps(of: ["a b", "b c"], in: "a b c b c").isEmpty)
  }

  @Test func absentPhrasesAreErrors() throws {
    let finder = PhraseFinder(tokenizer: try Self.first.get())
    #expect(throws: PhraseError.absent(phrase: "Dog", prompt: "a dog", occurrence: 0)) {
      try finder.spans(of: ["Dog"], in: "a dog")[0].get()
    }
    let long = String(repeating: "very ", count: 80) + "dog"
    #expect(throws: PhraseError.beyondEnd(phrase: "dog", prompt: long, tokens: 81..<82, length: 77)) {
      try finder.spans(of: ["dog"], in: long)[0].get()
    }
  }

  @Test func brokenFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    #expect(throws: TokenizerError.missing(folder: folder.path, file: "vocab.json")) {
      try CLIPTokenizer(folder: folder.path)
    }
    _ = try folder.write(Array(#"{"a</w>": 0}"#.utf8), as: "vocab.json")
    _ = try folder.write(Array("#version\na b\nabc\n".utf8), as: "merges.txt")
    #expect {
      try CLIPTokenizer(folder: folder.path)
    } throws: { "\($0)".contains("line 3") }
    _ = try folder.write(Array("#version\na b\n".utf8), as: "merges.txt")
    #expect { try CLIPTokenizer(folder: folder.path) } throws: {
      "\($0)".contains("<|startoftext|>") || "\($0)".contains("<|endoftext|>")
    }
  }
}
