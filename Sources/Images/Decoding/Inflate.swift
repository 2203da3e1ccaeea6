/// Decompression of zlib streams (RFC 1950 and 1951).
enum Inflate {
  /// The first `count` bytes that a zlib stream stands for; nil if the stream is damaged or holds fewer.
  static func bytes(_ stream: [UInt8], count: Int) -> [UInt8]? {
    guard stream.count > 2, stream[0] & 15 == 8, stream[1] & 0x20 == 0, (Int(stream[0]) << 8 | Int(stream[1])) % 31 == 0
    else { return nil }
    var isWhole = false
    let result = [UInt8](unsafeUninitializedCapacity: count) { output, filled in
      filled = stream.withUnsafeBufferPointer { input in
        var decoder = Decoder(input: input, output: output, count: count)
        isWhole = decoder.run()
        return decoder.filled
      }
    }
    return isWhole ? result : nil
  }

  /// A prefix code: for every combination of `width` bits, the symbol that it begins with, and the symbol's length.
  private struct Code {
    let width: Int
    /// symbol · 16 + length; 0 where no symbol begins with these bits.
    let entries: [UInt16]

    /// nil if there are more symbols of some length than bits can tell apart.
    init?(lengths: ArraySlice<UInt8>) {
      var counts = [Int](repeating: 0, count: 16)
      for length in lengths where length > 0 { counts[Int(length)] += 1 }
      width = counts.lastIndex { $0 > 0 } ?? 1
      var (code, next) = (0, [Int](repeating: 0, count: 16))
      for length in 1...15 {
        code = (code + counts[length - 1]) << 1
        next[length] = code
        if code + counts[length] > 1 << length { return nil }
      }
      var entries = [UInt16](repeating: 0, count: 1 << width)
      for (symbol, length) in lengths.enumerated() where length > 0 {
        let length = Int(length)
        // Codes are stored with their first bit lowest.
        var reversed = 0
        for bit in 0..<length where next[length] & 1 << bit != 0 { reversed |= 1 << (length - 1 - bit) }
        next[length] += 1
        for place in stride(from: reversed, to: 1 << width, by: 1 << length) {
          entries[place] = UInt16(symbol << 4 | length)
        }
      }
      self.entries = entries
    }
  }

  private static let fixedLiterals = Code(
    lengths: ([UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112)
      + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8))[...])
  private static let fixedDistances = Code(lengths: [UInt8](repeating: 5, count: 30)[...])
  private static let lengthBases = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceBases = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]
  private static let codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

  private struct Decoder {
    let input: UnsafeBufferPointer<UInt8>
    let output: UnsafeMutableBufferPointer<UInt8>
    let count: Int
    var filled = 0
    private var position = 2
    private var bits: UInt64 = 0
    private var available = 0

    init(input: UnsafeBufferPointer<UInt8>, output: UnsafeMutableBufferPointer<UInt8>, count: Int) {
      (self.input, self.output, self.count) = (input, output, count)
    }

    /// Decodes blocks until the output is full; false if it cannot be filled.
    mutating func run() -> Bool {
      while filled < count {
        guard let isLast = read(1), let kind = read(2) else { return false }
        switch kind {
        case 0: guard copyStored() else { return false }
        case 1:
          guard let literals = Inflate.fixedLiterals, let distances = Inflate.fixedDistances,
            decode(literals, distances)
          else { return false }
        case 2: guard let (literals, distances) = readCodes(), decode(literals, distances) else { return false }
        default: return false
        }
        if isLast == 1 { break }
      }
      return filled == count
    }

    private mutating func refill() {
      while available <= 56, position < input.count {
        bits |= UInt64(input[position]) << UInt64(available)
        position += 1
        available += 8
      }
    }

    private mutating func read(_ count: Int) -> Int? {
      if count == 0 { return 0 }
      refill()
      guard available >= count else { return nil }
      let value = Int(bits & (1 << UInt64(count) - 1))
      bits >>= UInt64(count)
      available -= count
      return value
    }

    private mutating func symbol(_ code: Code) -> Int? {
      refill()
      let entry = Int(code.entries[Int(bits & (1 << UInt64(code.width) - 1))])
      let length = entry & 15
      guard length > 0, length <= available else { return nil }
      bits >>= UInt64(length)
      available -= length
      return entry >> 4
    }

    private mutating func copyStored() -> Bool {
      guard read(available % 8) != nil, let length = read(16), let check = read(16), length ^ check == 0xffff else {
        return false
      }
      for _ in 0..<length where filled < count {
        guard let byte = read(8) else { return false }
        output[filled] = UInt8(byte)
        filled += 1
      }
      return true
    }

    private mutating func readCodes() -> (literals: Code, distances: Code)? {
      guard let literals = read(5), let distances = read(5), let others = read(4) else { return nil }
      var codeLengths = [UInt8](repeating: 0, count: 19)
      for index in 0..<others + 4 {
        guard let length = read(3) else { return nil }
        codeLengths[Inflate.codeOrder[index]] = UInt8(length)
      }
      guard let code = Code(lengths: codeLengths[...]) else { return nil }
      let total = literals + 257 + distances + 1
      var lengths: [UInt8] = []
      while lengths.count < total {
        guard let symbol = symbol(code) else { return nil }
        switch symbol {
        case 16:
          guard let last = lengths.last, let more = read(2) else { return nil }
          lengths += [UInt8](repeating: last, count: 3 + more)
        case 17:
          guard let more = read(3) else { return nil }
          lengths += [UInt8](repeating: 0, count: 3 + more)
        case 18:
          guard let more = read(7) else { return nil }
          lengths += [UInt8](repeating: 0, count: 11 + more)
        default: lengths.append(UInt8(symbol))
        }
      }
      guard lengths.count == total, let first = Code(lengths: lengths[..<(literals + 257)]),
        let second = Code(lengths: lengths[(literals + 257)...])
      else { return nil }
      return (first, second)
    }

    private mutating func decode(_ literals: Code, _ distances: Code) -> Bool {
      while filled < count {
        guard let symbol = symbol(literals) else { return false }
        if symbol < 256 {
          output[filled] = UInt8(symbol)
          filled += 1
          continue
        }
        if symbol == 256 { return true }
        guard symbol < 286, let moreLength = read(Inflate.lengthBits[symbol - 257]),
          let place = self.symbol(distances), place < 30, let moreDistance = read(max(0, place / 2 - 1))
        else { return false }
        let length = min(Inflate.lengthBases[symbol - 257] + moreLength, count - filled)
        let distance = Inflate.distanceBases[place] + moreDistance
        guard distance <= filled else { return false }
        for _ in 0..<length {
          output[filled] = output[filled - distance]
          filled += 1
        }
      }
      return true
    }
  }
}
