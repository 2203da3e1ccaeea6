import Checkpoints
import Foundation
import ModelRecipe
import Models
import TestSupport
import Testing
import TrainingData

@Suite struct VocabularyTests {
  private static let clip = Golden.path("pipeline/tokenizer")

  /// Words of the world fall into the same pieces as with CLIP's whole vocabulary; any other text loses no byte.
  @Test func wordsFallIntoTheSamePieces() throws {
    let folder = try TemporaryFolder()
    let words = try EmojiWorld().words
    let vocabulary = try Vocabulary(words: words, mergesFile: TokenizerFolder(Self.clip).merges)
    try vocabulary.write(to: TokenizerFolder(folder.path))
    let (whole, small) = (try CLIPTokenizer(folder: Self.clip), try CLIPTokenizer(folder: folder.path))
    for word in words { #expect(small.pieces(of: small.tokens(of: word)) == whole.pieces(of: whole.tokens(of: word))) }
    let other = "an unforeseeable zeppelin of 1900!"
    #expect(small.pieces(of: small.tokens(of: other)).joined() == whole.pieces(of: whole.tokens(of: other)).joined())
    #expect(small.tokens(of: other).count > whole.tokens(of: other).count)
    // Pooling looks for the token with the largest number, which must be the end token.
    #expect(small.endToken == vocabulary.pieces.count - 1)
    #expect(small.startToken == vocabulary.pieces.count - 2)
  }
}
