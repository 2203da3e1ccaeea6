/// Decompresses deflated data (RFC 1951).
/// - Parameter count: the number of bytes that the data stands for.
/// - Returns: nil for damaged data, and for data that stands for another number of bytes.
func inflated(_ data: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
  var reader = DeflateReader(data, count: count)
  return reader.read() ? reader.output : nil
}

private struct DeflateReader {
  private(set) var output: [UInt8] = []
  private let data: UnsafeRawBufferPointer
  private let count: Int
  private var position = 0
  /// Bits that are taken from the data but not used yet, the next one lowest.
  private var (buffer, held): (UInt32, Int) = (0, 0)

  init(_ data: UnsafeRawBufferPointer, count: Int) {
    (self.data, self.count) = (data, count)
    output.reserveCapacity(min(count, 1100 * max(data.count, 1)))
  }

  /// The lengths that the codes 257 to 285 stand for, and the number of bits that add to each.
  private static let lengths = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  /// The distances that the codes 0 to 29 stand for, and the number of bits that add to each.
  private static let distances = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]
  private static let distanceBits = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
  ]
  /// The order in which the lengths of the codes for code lengths are stored.
  private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

  /// Reads all blocks. False: the data is damaged.
  mutating func read() -> Bool {
    while true {
      guard let isLast = bits(1), let kind = bits(2) else { return false }
      switch kind {
      case 0: guard readStored() else { return false }
      case 1:
        let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        guard readCoded(HuffmanCode(lengths), HuffmanCode([Int](repeating: 5, count: 30))) else { return false }
      case 2:
        guard let (symbols, distances) = readCodes(), readCoded(symbols, distances) else { return false }
      default: return false
      }
      if isLast == 1 { return output.count == count }
    }
  }

  private mutating func bits(_ number: Int) -> Int? {
    while held < number {
      guard position < data.count else { return nil }
      buffer |= UInt32(data[position]) << UInt32(held)
      position += 1
      held += 8
    }
    let value = Int(buffer & ((1 << UInt32(number)) - 1))
    buffer >>= UInt32(number)
    held -= number
    return value
  }

  /// A block of bytes as they are: their number, its complement, and the bytes, from a whole byte on.
  private mutating func readStored() -> Bool {
    _ = bits(held % 8)
    guard let length = bits(16), let complement = bits(16), length ^ 0xffff == complement, held == 0,
      length <= count - output.count, let part = data.part(position, length)
    else { return false }
    output += part
    position += length
    return true
  }

  private mutating func symbol(_ code: HuffmanCode) -> Int? {
    var (value, first, index) = (0, 0, 0)
    for number in code.counts.dropFirst() {
      guard let bit = bits(1) else { return nil }
      value |= bit
      if value - first < number { return code.symbols[index + value - first] }
      (index, first, value) = (index + number, (first + number) << 1, value << 1)
    }
    return nil
  }

  /// The codes of a block that has its own: of bytes and lengths, and of distances.
  private mutating func readCodes() -> (HuffmanCode, HuffmanCode)? {
    guard let literals = bits(5), let distances = bits(5), let own = bits(4) else { return nil }
    var small = [Int](repeating: 0, count: 19)
    for index in 0..<own + 4 {
      guard let length = bits(3) else { return nil }
      small[Self.order[index]] = length
    }
    let code = HuffmanCode(small)
    let total = literals + 257 + distances + 1
    var lengths: [Int] = []
    while lengths.count < total {
      guard let symbol = symbol(code) else { return nil }
      switch symbol {
      case 16:
        guard let last = lengths.last, let more = bits(2) else { return nil }
        lengths += [Int](repeating: last, count: more + 3)
      case 17, 18:
        guard let more = bits(symbol == 17 ? 3 : 7) else { return nil }
        lengths += [Int](repeating: 0, count: more + (symbol == 17 ? 3 : 11))
      default: lengths.append(symbol)
      }
    }
    guard lengths.count == total else { return nil }
    return (HuffmanCode(Array(lengths.prefix(literals + 257))), HuffmanCode(Array(lengths.dropFirst(literals + 257))))
  }

  /// A block of bytes, and of references to earlier bytes by length and distance.
  private mutating func readCoded(_ code: HuffmanCode, _ distances: HuffmanCode) -> Bool {
    while true {
      guard let symbol = symbol(code) else { return false }
      if symbol == 256 { return true }
      if symbol < 256 {
        guard output.count < count else { return false }
        output.append(UInt8(symbol))
        continue
      }
      let index = symbol - 257
      guard index < Self.lengths.count, let more = bits(Self.lengthBits[index]), let far = self.symbol(distances),
        far < Self.distances.count, let rest = bits(Self.distanceBits[far])
      else { return false }
      let (length, distance) = (Self.lengths[index] + more, Self.distances[far] + rest)
      guard distance <= output.count, length <= count - output.count else { return false }
      let start = output.count - distance
      for offset in 0..<length { output.append(output[start + offset]) }
    }
  }
}

/// A canonical Huffman code, from the number of bits of each symbol's code word; 0: the symbol does not occur.
private struct HuffmanCode {
  /// The number of code words of each length.
  private(set) var counts = [Int](repeating: 0, count: 16)
  /// The symbols in the order of their code words.
  private(set) var symbols: [Int] = []

  init(_ lengths: [Int]) {
    for length in lengths where length > 0 { counts[length] += 1 }
    for length in 1...15 { symbols += lengths.indices.filter { lengths[$0] == length } }
  }
}
