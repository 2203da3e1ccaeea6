import Images
import JSON
import Models
import TestSupport
import Testing
import Training
import TrainingData

/// There is one rule for phrases: a folder of samples accepts exactly the phrases that `PhraseFinder` finds.
@Suite struct PhraseRuleTests {
  @Test func acceptedPhrasesAreFound() throws {
    let folder = try TemporaryFolder()
    try PixelImage(width: 4, height: 4).write(folder.file("image.png"))
    let finder = PhraseFinder(tokenizer: try CLIPTokenizer(folder: Golden.path("pipeline/tokenizer")))
    let words = ["dog", "dog,", "dog.", "Dog", "a", "sea-dog", "-dog", "very", "very.", "dog-house", ",", "dog!!"]
    var numbers = TestNumbers(11)
    func text(_ count: Int) -> String {
      (0..<count).map { _ in words[Int(numbers.next() * Float(words.count)) % words.count] }.joined(separator: " ")
    }
    var (accepted, refused) = (0, 0)
    for _ in 0..<600 {
      let caption = text(12)
      let phrases = [text(1), text(1 + Int(numbers.next() * 2))]
      let subjects = phrases.map {
        JSONValue.object([("phrase", .string($0)), ("box", JSONValue([0, 0, 1, 1] as [Float]))])
      }
      let line = JSONValue.object([
        ("image", "image.png"), ("caption", .string(caption)), ("subjects", .array(subjects)),
      ])
      _ = try folder.write(Array(line.text().utf8), as: "samples.jsonl")
      let found = finder.spans(of: phrases, in: caption).allSatisfy { (try? $0.get()) != nil }
      if (try? SampleFolder(folder.path)) != nil {
        accepted += 1
        #expect(found, "\(caption): \(phrases)")
      } else {
        refused += 1
        #expect(!found, "\(caption): \(phrases)")
      }
    }
    #expect(accepted > 20 && refused > 20)
  }

  @Test func phrasesBeyondTheEncoderAreNamedByFileAndLine() throws {
    let folder = try TemporaryFolder()
    try PixelImage(width: 4, height: 4).write(folder.file("image.png"))
    func line(_ caption: String) -> String {
      #"{"image": "image.png", "caption": "\#(caption)", "subjects": [{"phrase": "dog", "box": [0, 0, 1, 1]}]}"#
    }
    let long = String(repeating: "very ", count: 7) + "dog"
    _ = try folder.write(Array([line("a dog"), line(long)].joined(separator: "\n").utf8), as: "samples.jsonl")
    let samples = FolderSamples(try SampleFolder(folder.path))
    let tokenizer = try CLIPTokenizer(folder: Golden.path("pipeline/tokenizer"))
    let unseen = try samples.truncatedPhrases(by: PhraseFinder(tokenizer: tokenizer, length: 9))
    #expect(unseen.map(\.location) == [folder.file("samples.jsonl") + ", line 2, subjects[0].phrase"])
    #expect(unseen.map(\.reason) == [.beyondEnd(phrase: "dog", prompt: long, tokens: 8..<9, length: 9)])
    #expect(try samples.truncatedPhrases(by: PhraseFinder(tokenizer: tokenizer, length: 10)).isEmpty)
  }
}
