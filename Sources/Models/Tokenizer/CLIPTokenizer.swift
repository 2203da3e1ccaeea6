import Checkpoints
import Foundation

/// CLIP's tokenizer, as published for transformers. It cleans a text, lower-cases it, splits it into words and
/// punctuation, and encodes each of these in byte pairs.
public struct CLIPTokenizer: Sendable {
  /// A text as token ids.
  public struct Encoding: Sendable, Equatable {
    /// The start token, the text's tokens, the end token, then padding up to the requested length.
    public let ids: [Int]
    /// Position of the first end token.
    public let endPosition: Int
    /// The words that did not fit; empty if all did.
    public let cutText: String
  }

  public let startToken, endToken, padToken, unknownToken: Int
  /// The greatest ID that the tokenizer can return.
  public let greatestID: Int
  private let encoder: BytePairEncoder
  /// Added tokens that are looked for in the text as it is, and those that are looked for in the cleaned text.
  private let verbatim, normalized: AddedTokenFinder
  private let names: [Int: String]
  private let addedNames: [Int: String]

  /// Reads a folder as published: `vocab.json` and `merges.txt`, or `tokenizer.json` instead of both; and, if they
  /// exist, `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`.
  ///
  /// A special or added token is one token wherever it is in a text; a token marked `single_word`, only where no
  /// letter, digit or underscore is next to it. As in transformers, a token marked `normalized` is found in any mixture
  /// of upper and lower case, and any other token only as it is written.
  /// - Throws: ``TokenizerError`` for a missing or malformed file; `JSONError` for a file that is not valid JSON.
  public init(folder: String) throws {
    let files = try TokenizerFiles(TokenizerFolder(folder))
    func id(_ key: String) throws -> Int {
      let text = files.special[key] ?? ""
      guard let id = files.vocabulary[text] ?? files.added.first(where: { $0.text == text })?.id else {
        throw TokenizerError.malformed(
          file: files.vocabularyFile, place: key, expected: "'\(text)'", found: "no such token")
      }
      return id
    }
    (startToken, endToken) = (try id("bos_token"), try id("eos_token"))
    (padToken, unknownToken) = (try id("pad_token"), try id("unk_token"))
    verbatim = AddedTokenFinder(files.added.filter { !$0.isNormalized })
    normalized = AddedTokenFinder(
      files.added.filter(\.isNormalized).map {
        AddedToken(text: TextCleaner.cleaned($0.text), id: $0.id, isWholeWord: $0.isWholeWord)
      })
    names = Dictionary(files.vocabulary.map { ($0.value, $0.key) }) { first, _ in first }
    addedNames = Dictionary(
      files.added.filter { files.vocabulary[$0.text] == nil }.map { ($0.id, $0.text) }
    ) { first, _ in first }
    encoder = BytePairEncoder(vocabulary: files.vocabulary, merges: files.merges)
    greatestID = max(files.vocabulary.values.max() ?? 0, files.added.map(\.id).max() ?? 0)
  }

  /// Token ids of a text, without start token, end token and padding.
  public func tokens(of text: String) -> [Int] {
    verbatim.split(text).flatMap { piece -> [Int] in
      switch piece {
      case .token(let id): [id]
      case .text(let text):
        normalized.split(TextCleaner.cleaned(text)).flatMap { piece in
          switch piece {
          case .token(let id): [id]
          case .text(let text): words(of: text).flatMap { encoder.encode($0, unknown: unknownToken) }
          }
        }
      }
    }
  }

  /// A text between start and end token, truncated or padded to a length.
  /// - Parameter length: Total number of tokens, 77 for the published encoders.
  public func encode(_ text: String, length: Int = 77) -> Encoding {
    let all = tokens(of: text)
    let kept = all.prefix(max(length - 2, 0))
    let ids = [startToken] + kept + [endToken]
    let padding = [Int](repeating: padToken, count: max(0, length - ids.count))
    return Encoding(
      ids: ids + padding, endPosition: kept.count + 1,
      cutText: kept.count < all.count ? cutText(text, keeping: kept.count) : "")
  }

  /// The piece of text that each token stands for, such as `astro` and `naut`, for labels.
  public func pieces(of ids: [Int]) -> [String] {
    ids.map { id in
      if let added = addedNames[id] { return added }
      let name = names[id] ?? "?"
      let bytes = name.replacing("</w>", with: "").map { Self.bytes[$0] ?? UInt8(ascii: "?") }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private static let bytes = Dictionary(
    uniqueKeysWithValues: BytePairEncoder.characters.enumerated().map { ($0.element, UInt8($0.offset)) })

  /// The rest of the text, from the first word that does not fit completely.
  private func cutText(_ text: String, keeping limit: Int) -> String {
    let words = text.split(whereSeparator: \.isWhitespace)
    var count = 0
    for (index, word) in words.enumerated() {
      count += tokens(of: String(word)).count
      if count > limit { return words[index...].joined(separator: " ") }
    }
    return ""
  }

  // MARK: Words

  /// Splits a cleaned text into contractions, words, single digits, and runs of other characters.
  private func words(of text: String) -> [String] {
    text.split(separator: " ").flatMap { Self.split(Array($0.unicodeScalars)) }
  }

  private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

  private enum Kind { case letter, number, other }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: .other
    }
  }

  private static func split(_ scalars: [Unicode.Scalar]) -> [String] {
    var words: [String] = []
    var start = 0
    while start < scalars.count {
      var end = start + 1
      if let contraction = contractions.first(where: { scalars[start...].starts(with: $0) }) {
        end = start + contraction.count
      } else {
        let kind = kind(scalars[start])
        if kind != .number {
          while end < scalars.count, Self.kind(scalars[end]) == kind { end += 1 }
        }
      }
      words.append(String(String.UnicodeScalarView(scalars[start..<end])))
      start = end
    }
    return words
  }
}
