import Foundation

/// The random numbers of PyTorch's CPU generator: the same seed produces the same sequence.
public struct RandomGenerator: Sendable {
  private var engine: MersenneTwister
  /// The second number of a normal pair, kept for the next draw of a single number.
  private var spare: Double?

  /// - Parameter seed: As for `torch.manual_seed`, which uses the low 32 bits.
  public init(seed: UInt64) { engine = MersenneTwister(seed: seed) }

  /// Standard normal numbers, as `torch.randn` (equal within 1e-6).
  ///
  /// Fewer than 16 numbers come from double-precision pairs, one by one. From 16 on, uniform numbers are transformed in
  /// blocks of 16; if the last block is incomplete, the last 16 numbers are drawn again as one block.
  public mutating func normal(_ shape: [Int]) -> Tensor {
    let count = elementCount(shape)
    if count < 16 { return Tensor((0..<count).map { _ in single() }, shape: shape) }
    var values = (0..<count).map { _ in uniform() }
    for start in stride(from: 0, through: count - 16, by: 16) { Self.transform(&values, start) }
    if count % 16 != 0 {
      for index in count - 16..<count { values[index] = uniform() }
      Self.transform(&values, count - 16)
    }
    return Tensor(values, shape: shape)
  }

  /// Uniform numbers in 0..<1, as `torch.rand`.
  public mutating func uniform(_ shape: [Int]) -> Tensor {
    Tensor((0..<elementCount(shape)).map { _ in uniform() }, shape: shape)
  }

  /// Whole numbers in 0..<bound, as `torch.randint`.
  public mutating func integers(below bound: Int, count: Int) -> [Int64] {
    guard bound > 0, count >= 0 else { fail("integers: expected a bound above 0, found \(bound)") }
    return (0..<count).map { _ in
      bound < 1 << 28 ? Int64(engine.bits() % UInt32(bound)) : Int64(engine.longBits() % UInt64(bound))
    }
  }

  /// The numbers 0..<count in random order, as `torch.randperm`.
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<max(count, 0))
    for index in 0..<max(count - 1, 0) {
      order.swapAt(index, index + Int(engine.bits() % UInt32(count - index)))
    }
    return order
  }

  /// 24 random bits as a number in 0..<1.
  private mutating func uniform() -> Float { Float(engine.bits() & 0xff_ffff) / 16_777_216 }

  /// One normal number. Numbers are computed in pairs (Box and Muller, 1958); the next call returns the second.
  private mutating func single() -> Float {
    if let spare {
      self.spare = nil
      return Float(spare)
    }
    let unit = 1 / Double(1 << 53)
    let first = Double(engine.longBits() & (1 << 53 - 1)) * unit
    let second = Double(engine.longBits() & (1 << 53 - 1)) * unit
    let radius = (-2 * log1p(-second)).squareRoot()
    let angle = 2 * Double.pi * first
    spare = radius * sin(angle)
    return Float(radius * cos(angle))
  }

  /// Turns 16 uniform numbers into 16 normal ones: the first eight become radii, the others angles.
  private static func transform(_ values: inout [Float], _ start: Int) {
    // 2π rounded to nearest; Float.pi is rounded down.
    let turn = Float(2 * Double.pi)
    for index in start..<start + 8 {
      let radius = (-2 * log(1 - values[index])).squareRoot()
      let angle = turn * values[index + 8]
      values[index] = radius * cos(angle)
      values[index + 8] = radius * sin(angle)
    }
  }
}
