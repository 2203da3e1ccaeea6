import Foundation
import JSON
import Synchronization

/// Byte-pair encoding of words (Sennrich et al., 2016) with CLIP's vocabulary. Bytes are written as printable
/// characters, and the last one of a word is marked as the end of the word.
final class BytePairEncoder: Sendable {
  let vocabulary: [String: Int]
  private let ranks: [String: Int]
  private let known = Mutex<[String: [Int]]>([:])

  /// - Throws: `JSONError` for a vocabulary that cannot be read; ``TokenizerError`` for merges that cannot be read.
  init(vocabularyFile: String, mergesFile: String) throws {
    let node = try JSONNode.read(vocabularyFile)
    var vocabulary: [String: Int] = [:]
    for key in try node.keys() { vocabulary[key] = try node[key].int() }
    guard let merges = FileManager.default.contents(atPath: mergesFile),
      let text = String(validating: merges, as: UTF8.self)
    else {
      throw TokenizerError.malformed(
        file: mergesFile, place: "the whole file", expected: "UTF-8 text",
        found: "other bytes, or a file that cannot be read")
    }
    var ranks: [String: Int] = [:]
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.isEmpty || line.hasPrefix("#version") { continue }
      guard line.utf8.count(where: { $0 == 0x20 }) == 1, line.first != " ", line.last != " " else {
        throw TokenizerError.malformed(
          file: mergesFile, place: "line \(index + 1)", expected: "two pieces separated by one space",
          found: "'\(line.prefix(60))'")
      }
      ranks[String(line)] = ranks.count
    }
    (self.vocabulary, self.ranks) = (vocabulary, ranks)
  }

  /// Token ids of one word; pieces outside the vocabulary become `unknown`.
  func encode(_ word: String, unknown: Int) -> [Int] {
    if let ids = known.withLock({ $0[word] }) { return ids }
    let ids = pieces(word).map { vocabulary[$0] ?? unknown }
    known.withLock { $0[word] = ids }
    return ids
  }

  private func pieces(_ word: String) -> [String] {
    var pieces = word.utf8.map { String(Self.characters[Int($0)]) }
    guard let last = pieces.last else { return [] }
    pieces[pieces.count - 1] = last + "</w>"
    while pieces.count > 1 {
      var candidates: [(rank: Int, pair: (String, String))] = []
      for (first, second) in zip(pieces, pieces.dropFirst()) {
        if let rank = ranks[first + " " + second] { candidates.append((rank, (first, second))) }
      }
      guard let best = candidates.min(by: { $0.rank < $1.rank }) else { break }
      var merged: [String] = []
      var index = 0
      while index < pieces.count {
        if index + 1 < pieces.count, pieces[index] == best.pair.0, pieces[index + 1] == best.pair.1 {
          merged.append(pieces[index] + pieces[index + 1])
          index += 2
        } else {
          merged.append(pieces[index])
          index += 1
        }
      }
      pieces = merged
    }
    return pieces
  }

  /// A printable character for each byte: printable Latin-1 characters stand for themselves, and characters from U+0100
  /// on for all other bytes.
  static let characters: [Character] = {
    let printable = Array(0x21...0x7e) + Array(0xa1...0xac) + Array(0xae...0xff)
    var next = 256
    return (0..<256).map { byte in
      if printable.contains(byte) { return Character(Unicode.Scalar(UInt8(byte))) }
      next += 1
      return Unicode.Scalar(UInt32(next - 1)).map(Character.init) ?? "?"
    }
  }()
}
