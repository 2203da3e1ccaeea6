/// Random numbers for scenes: SplitMix64 (Steele, Lea and Flood, 2014), a counter whose values are mixed.
///
/// It is small, fast, and a pure function of its keys: a sample is the same whether or not the samples before it were
/// drawn. Diffusion noise comes from `RandomGenerator`, which reproduces PyTorch's numbers; scenes do not have to.
package struct SceneRandom: Sendable {
  private var state: UInt64

  /// Starts a stream of random numbers; each sequence of keys has its own stream.
  package init(_ keys: UInt64...) {
    state = 0x243f_6a88_85a3_08d3
    for key in keys { state = Self.mixed(state &+ 0x9e37_79b9_7f4a_7c15) ^ Self.mixed(key &+ 0x9e37_79b9_7f4a_7c15) }
  }

  /// 64 random bits.
  package mutating func bits() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mixed(state)
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var bits = value
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }

  /// Uniform in 0..<1.
  package mutating func unit() -> Float { Float(bits() >> 40) * 0x1p-24 }

  /// Uniform in a range.
  package mutating func uniform(_ range: ClosedRange<Float>) -> Float {
    range.lowerBound + (range.upperBound - range.lowerBound) * unit()
  }

  /// Uniform in 0..<count; `count` must be positive.
  package mutating func below(_ count: Int) -> Int {
    precondition(count > 0, "SceneRandom.below: nothing to pick from")
    return Int(bits().multipliedFullWidth(by: UInt64(count)).high)
  }

  /// True with this probability.
  package mutating func happens(_ probability: Float) -> Bool { unit() < probability }

  /// One of the elements, each with the same probability. There must be at least one element.
  package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// A random index into the weights. The probability of each index is proportional to its weight.
  package mutating func index(in weights: [Float]) -> Int {
    var rest = unit() * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.lastIndex { $0 > 0 } ?? 0
  }

  /// The elements in random order.
  package mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var result = elements
    for last in stride(from: result.count - 1, to: 0, by: -1) { result.swapAt(last, below(last + 1)) }
    return result
  }
}
