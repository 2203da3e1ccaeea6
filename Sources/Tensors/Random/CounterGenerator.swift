import Foundation

/// Random numbers that depend only on a seed, a sample's index and a stream: Philox 4x32-10 (Salmon et al.,
/// 2011), which mixes a counter instead of keeping a state.
///
/// Training draws each sample's numbers from a separate generator, so that they do not depend on which thread, shard or
/// resumed run handles the sample.
public struct CounterGenerator: RandomNumberGenerator, Sendable {
  private let key: (UInt32, UInt32)
  private var counter: (UInt32, UInt32, UInt32, UInt32)
  private var words: [UInt32] = []

  /// - Parameters:
  ///   - sample: Index of the sample over the whole training.
  ///   - stream: Separates numbers that serve different purposes.
  public init(seed: UInt64, sample: Int, stream: UInt32 = 0) {
    let number = UInt64(truncatingIfNeeded: sample)
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    counter = (0, stream, UInt32(truncatingIfNeeded: number), UInt32(truncatingIfNeeded: number >> 32))
  }

  public mutating func next() -> UInt64 { UInt64(word()) << 32 | UInt64(word()) }

  /// A number in 0..<1, of 24 bits.
  public mutating func uniform() -> Float { Float(word() >> 8) * 0x1p-24 }

  /// A whole number in 0..<bound.
  public mutating func integer(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// Standard normal numbers (Box and Muller, 1958).
  public mutating func normal(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    var values: [Float] = []
    values.reserveCapacity(count + 1)
    while values.count < count {
      let radius = (-2 * log(1 - uniform())).squareRoot()
      let angle = 2 * Float.pi * uniform()
      values.append(radius * cos(angle))
      values.append(radius * sin(angle))
    }
    return Tensor(Array(values.prefix(count)), shape: shape)
  }

  private mutating func word() -> UInt32 {
    if words.isEmpty {
      let block = Self.block(counter, key: key)
      counter.0 += 1
      words = [block.3, block.2, block.1, block.0]
    }
    return words.removeLast()
  }

  /// The four random words of one counter value.
  package static func block(
    _ counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (counter, key) = (counter, key)
    for _ in 0..<10 {
      let first = UInt32(0xd251_1f53).multipliedFullWidth(by: counter.0)
      let second = UInt32(0xcd9e_8d57).multipliedFullWidth(by: counter.2)
      counter = (second.high ^ counter.1 ^ key.0, second.low, first.high ^ counter.3 ^ key.1, first.low)
      key = (key.0 &+ 0x9e37_79b9, key.1 &+ 0xbb67_ae85)
    }
    return counter
  }
}
