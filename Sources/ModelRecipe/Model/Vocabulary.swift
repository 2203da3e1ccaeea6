import Checkpoints
import Foundation
import JSON

/// A small vocabulary taken from CLIP's: all bytes, and only the merges that the given words need. These words split
/// into the same pieces as with the whole vocabulary; other words may split into smaller pieces.
package struct Vocabulary {
  /// Pairs of pieces to merge, the most frequent first, as in `merges.txt`.
  package let merges: [String]
  /// All pieces; the index of a piece is its token ID.
  package let pieces: [String]

  static let startToken = "<|startoftext|>"
  static let endToken = "<|endoftext|>"

  /// - Parameters:
  ///   - words: lower-case words of ASCII letters.
  ///   - merges: lines of CLIP's `merges.txt`.
  init(words: some Sequence<String>, merges: [String]) {
    let ranks = Dictionary(merges.enumerated().map { ($0.element, $0.offset) }) { first, _ in first }
    var used: Set<String> = []
    for word in words { Self.addMerges(of: word, ranks: ranks, to: &used) }
    let kept = used.sorted { (ranks[$0] ?? 0) < (ranks[$1] ?? 0) }
    let bytes = Self.bytes
    self.merges = kept
    pieces =
      bytes + bytes.map { $0 + "</w>" } + kept.map { $0.replacing(" ", with: "") } + [Self.startToken, Self.endToken]
  }

  /// - Parameter mergesFile: path of CLIP's `merges.txt`.
  /// - Throws: Foundation's error if the file cannot be read.
  package init(words: some Sequence<String>, mergesFile: String) throws {
    let lines = try String(contentsOfFile: mergesFile, encoding: .utf8).split(separator: "\n").map(String.init)
    self.init(words: words, merges: lines.filter { !$0.hasPrefix("#version") })
  }

  /// Adds the merges that a word needs to `used`.
  private static func addMerges(of word: String, ranks: [String: Int], to used: inout Set<String>) {
    var pieces = word.map(String.init)
    guard let last = pieces.popLast() else { return }
    pieces.append(last + "</w>")
    while true {
      let pairs = zip(pieces, pieces.dropFirst()).map { "\($0) \($1)" }
      guard let best = pairs.filter({ ranks[$0] != nil }).min(by: { (ranks[$0] ?? 0) < (ranks[$1] ?? 0) }) else {
        return
      }
      used.insert(best)
      var joined: [String] = []
      var index = 0
      while index < pieces.count {
        let isPair = index + 1 < pieces.count && "\(pieces[index]) \(pieces[index + 1])" == best
        joined.append(isPair ? pieces[index] + pieces[index + 1] : pieces[index])
        index += isPair ? 2 : 1
      }
      pieces = joined
    }
  }

  /// CLIP's printable character for each byte: printable Latin-1 characters map to themselves, all other bytes to
  /// characters from U+0100 on.
  private static var bytes: [String] {
    let printable = Array(0x21...0x7e) + Array(0xa1...0xac) + Array(0xae...0xff)
    let others = (0..<256).filter { !printable.contains($0) }.indices.map { 0x100 + $0 }
    return (printable + others).compactMap { Unicode.Scalar(UInt32($0)).map { String(Character($0)) } }
  }

  /// Writes the files of the vocabulary, of the merges and of the tokenizer's configuration.
  package func write(to folder: TokenizerFolder) throws {
    try JSONValue.object(pieces.enumerated().map { ($0.element, JSONValue($0.offset)) })
      .write(to: folder.vocabulary, pretty: false)
    try (["#version: 0.2"] + merges).joined(separator: "\n").appending("\n")
      .write(toFile: folder.merges, atomically: true, encoding: .utf8)
    try JSONValue.object([
      ("bos_token", .string(Self.startToken)), ("eos_token", .string(Self.endToken)),
      ("pad_token", .string(Self.endToken)), ("unk_token", .string(Self.endToken)),
      ("model_max_length", JSONValue(SmallModel.textLength)), ("do_lower_case", true),
      ("tokenizer_class", "CLIPTokenizer"),
    ]).write(to: folder.configuration)
  }
}
