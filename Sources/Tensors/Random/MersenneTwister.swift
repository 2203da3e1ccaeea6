/// The 32-bit Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded as PyTorch's CPU generator is.
struct MersenneTwister: Sendable {
  private static let length = 624
  private var state: [UInt32]
  private var next = MersenneTwister.length

  init(seed: UInt64) {
    // PyTorch keeps the low 32 bits of a seed.
    state = [UInt32](repeating: 0, count: Self.length)
    state[0] = UInt32(truncatingIfNeeded: seed)
    for index in 1..<Self.length {
      let previous = state[index - 1]
      state[index] = 1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(index)
    }
  }

  /// 32 random bits.
  mutating func bits() -> UInt32 {
    if next == Self.length { twist() }
    var value = state[next]
    next += 1
    value ^= value >> 11
    value ^= (value << 7) & 0x9d2c_5680
    value ^= (value << 15) & 0xefc6_0000
    return value ^ (value >> 18)
  }

  /// 64 random bits; the first 32 are the high ones.
  mutating func longBits() -> UInt64 {
    let high = UInt64(bits())
    return high << 32 | UInt64(bits())
  }

  private mutating func twist() {
    for index in 0..<Self.length {
      let joined = (state[index] & 0x8000_0000) | (state[(index + 1) % Self.length] & 0x7fff_ffff)
      state[index] = state[(index + 397) % Self.length] ^ (joined >> 1) ^ (joined & 1 == 0 ? 0 : 0x9908_b0df)
    }
    next = 0
  }
}
