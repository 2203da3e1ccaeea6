import Checkpoints
import Foundation
import JSON

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
  private let encoder: BytePairEncoder
  /// Texts that are always one token, the longest first.
  private let special: [(text: [Character], id: Int)]
  private let names: [Int: String]

  /// Reads a folder as published: vocabulary, merges and, if they exist, configuration and special tokens.
  /// - Throws: ``TokenizerError`` for a missing or malformed file; `JSONError` for a file that is not valid JSON.
  public init(folder: String) throws {
    let files = TokenizerFolder(folder)
    func existing(_ file: String) throws -> String {
      guard FileManager.default.fileExists(atPath: file) else {
        throw TokenizerError.missing(folder: folder, file: (file as NSString).lastPathComponent)
      }
      return file
    }
    let vocabularyFile = try existing(files.vocabulary)
    let encoder = try BytePairEncoder(vocabularyFile: vocabularyFile, mergesFile: existing(files.merges))
    var texts = ["bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"]
    texts["pad_token"] = "<|endoftext|>"
    for file in [files.configuration, files.specialTokens] where FileManager.default.fileExists(atPath: file) {
      let node = try JSONNode.read(file)
      for key in texts.keys where node[key].isPresent {
        texts[key] = try node[key]["content"].isPresent ? node[key]["content"].string() : node[key].string()
      }
    }
    func id(_ key: String) throws -> Int {
      let text = texts[key] ?? ""
      guard let id = encoder.vocabulary[text] else {
        throw TokenizerError.malformed(file: vocabularyFile, place: key, expected: "'\(text)'", found: "no such token")
      }
      return id
    }
    (startToken, endToken) = (try id("bos_token"), try id("eos_token"))
    (padToken, unknownToken) = (try id("pad_token"), try id("unk_token"))
    special = try Set(texts.values).filter { !$0.isEmpty }.sorted { ($1.count, $0) < ($0.count, $1) }.map { text in
      (Array(text), try id(texts.first { $0.value == text }?.key ?? ""))
    }
    names = Dictionary(encoder.vocabulary.map { ($0.value, $0.key) }) { first, _ in first }
    self.encoder = encoder
  }

  /// Token ids of a text, without start token, end token and padding.
  public func tokens(of text: String) -> [Int] {
    var ids: [Int] = []
    var plain: [Character] = []
    let characters = Array(text)
    func flush() {
      ids += words(of: String(plain)).flatMap { encoder.encode($0, unknown: unknownToken) }
      plain = []
    }
    var position = 0
    while position < characters.count {
      if let found = special.first(where: { characters[position...].starts(with: $0.text) }) {
        flush()
        ids.append(found.id)
        position += found.text.count
      } else {
        plain.append(characters[position])
        position += 1
      }
    }
    flush()
    return ids
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

  /// Cleans a text and splits it into contractions, words, single digits, and runs of other characters.
  private func words(of text: String) -> [String] {
    TextCleaner.cleaned(text).split(separator: " ").flatMap { Self.split(Array($0.unicodeScalars)) }
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

/// Prepares a text for splitting into words: removes control characters, puts spaces around Chinese characters,
/// composes characters (NFC) and lower-cases them.
enum TextCleaner {
  static func cleaned(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      if scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" || category == .spaceSeparator {
        scalars.append(" ")
      } else if scalar.value == 0xfffd || isControl(category) {
        continue
      } else if isChinese(scalar.value) {
        scalars.append(contentsOf: [" ", scalar, " "])
      } else {
        scalars.append(scalar)
      }
    }
    let composed = String(scalars).precomposedStringWithCanonicalMapping
    let words = composed.unicodeScalars.split { $0 == " " || $0.properties.isWhitespace }
    return words.map { String($0).lowercased() }.joined(separator: " ")
  }

  private static func isControl(_ category: Unicode.GeneralCategory) -> Bool {
    switch category {
    case .control, .format, .surrogate, .privateUse, .unassigned: true
    default: false
    }
  }

  private static func isChinese(_ code: UInt32) -> Bool {
    switch code {
    case 0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2b73f, 0x2b740...0x2b81f, 0x2b820...0x2ceaf,
      0xf900...0xfaff, 0x2f800...0x2fa1f:
      true
    default: false
    }
  }
}
