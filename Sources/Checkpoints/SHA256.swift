/// The hash function SHA-256 (FIPS 180-4), computed piece by piece.
package struct SHA256 {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var waiting: [UInt8] = []
  private var total: UInt64 = 0

  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = {
    var primes: [Int] = []
    var number = 2
    while primes.count < 64 {
      if primes.allSatisfy({ number % $0 != 0 }) { primes.append(number) }
      number += 1
    }
    return primes.map(cubeRootBits)
  }()

  /// The first 32 fractional bits of a cube root: the lowest 32 bits of the largest r with r³ ≤ p·2⁹⁶.
  private static func cubeRootBits(_ prime: Int) -> UInt32 {
    var (low, high) = (UInt64(0), UInt64(1) << 35)
    while high - low > 1 {
      let middle = (low + high) / 2
      let square = middle.multipliedFullWidth(by: middle)
      // middle³ in three 64-bit words, compared with prime·2⁹⁶.
      let bottom = square.low.multipliedFullWidth(by: middle)
      let top = square.high.multipliedFullWidth(by: middle)
      let (second, carry) = bottom.high.addingReportingOverflow(top.low)
      let third = top.high + (carry ? 1 : 0)
      let isSmaller = third == 0 && second < UInt64(prime) << 32
      if isSmaller { low = middle } else { high = middle }
    }
    return UInt32(truncatingIfNeeded: low)
  }

  package init() {}

  /// The hash of a text's UTF-8 bytes, as 64 hexadecimal digits.
  package static func hash(of text: String) -> String {
    var hash = SHA256()
    Array(text.utf8).withUnsafeBytes { hash.update($0) }
    return hash.finish()
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    total += UInt64(bytes.count)
    var start = 0
    if !waiting.isEmpty {
      start = min(64 - waiting.count, bytes.count)
      waiting += bytes[..<start]
      if waiting.count < 64 { return }
      waiting.withUnsafeBytes { mix($0, &state) }
      waiting = []
    }
    while start + 64 <= bytes.count {
      mix(UnsafeRawBufferPointer(rebasing: bytes[start..<start + 64]), &state)
      start += 64
    }
    waiting += bytes[start...]
  }

  /// Ends the message and returns its hash as 64 hexadecimal digits.
  package mutating func finish() -> String {
    let bits = total * 8
    var end: [UInt8] = [0x80]
    while (waiting.count + end.count) % 64 != 56 { end.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) { end.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    end.withUnsafeBytes { update($0) }
    return state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private func mix(_ block: UnsafeRawBufferPointer, _ state: inout [UInt32]) {
    func turned(_ x: UInt32, _ by: UInt32) -> UInt32 { x >> by | x << (32 - by) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
      for index in 0..<16 {
        words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
      }
      for index in 16..<64 {
        let (early, late) = (words[index - 15], words[index - 2])
        let first = turned(early, 7) ^ turned(early, 18) ^ early >> 3
        let second = turned(late, 17) ^ turned(late, 19) ^ late >> 10
        words[index] = words[index - 16] &+ first &+ words[index - 7] &+ second
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      Self.constants.withUnsafeBufferPointer { constants in
        for index in 0..<64 {
          let high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
          let first = h &+ high &+ (e & f ^ ~e & g) &+ constants[index] &+ words[index]
          let second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) &+ (a & b ^ a & c ^ b & c)
          (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
      }
      for (index, value) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= value }
    }
  }
}
