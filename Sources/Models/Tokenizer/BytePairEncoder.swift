import Synchronization

/// Byte-pair encoding of words (Sennrich et al., 2016) with CLIP's vocabulary. Bytes are written as printable
/// characters, and the last one of a word is marked as the end of the word.
final class BytePairEncoder: Sendable {
  let vocabulary: [String: Int]
  private let ranks: [String: Int]
  private let known = Mutex<[String: [Int]]>([:])

  /// - Parameters:
  ///   - vocabulary: the ID of each token.
  ///   - merges: the pairs to merge, each as two pieces separated by one space, in order of priority.
  init(vocabulary: [String: Int], merges: [String]) {
    self.vocabulary = vocabulary
    ranks = Dictionary(merges.enumerated().map { ($0.element, $0.offset) }) { _, last in last }
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
