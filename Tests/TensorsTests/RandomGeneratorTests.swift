import Tensors
import TestSupport
import Testing

/// Every draw against PyTorch's for the same seed.
@Suite struct RandomGeneratorTests {
  @Test(arguments: [0, 1, 42, 123_456_789] as [UInt64], [1, 5, 15, 16, 17, 64, 1024])
  func normalNumbers(seed: UInt64, count: Int) throws {
    let golden = try #require(try Golden.tensors("rng.safetensors")["seed\(seed).randn\(count)"])
    var generator = RandomGenerator(seed: seed)
    #expect(generator.normal([count]).isClose(to: golden, absolute: 1e-6))
  }

  @Test(arguments: [0, 1, 42, 123_456_789] as [UInt64])
  func consecutiveDraws(seed: UInt64) throws {
    let golden = try Golden.tensors("rng.safetensors")
    var generator = RandomGenerator(seed: seed)
    for link in ["0_n5", "1_n16", "2_n3", "3_n17", "4_n1", "5_n64"] {
      let expected = try #require(golden["seed\(seed).consecutive.\(link)"])
      #expect(generator.normal(expected.shape).isClose(to: expected, absolute: 1e-6), "draw \(link)")
    }
  }

  @Test(arguments: [0, 1, 42, 123_456_789] as [UInt64])
  func uniformIntegersAndPermutations(seed: UInt64) throws {
    let golden = try Golden.tensors("rng.safetensors")
    var generator = RandomGenerator(seed: seed)
    #expect(generator.uniform([16]) == golden["seed\(seed).rand16"])
    generator = RandomGenerator(seed: seed)
    #expect(generator.integers(below: 1000, count: 16).map { Float($0) } == golden["seed\(seed).randint1000"]?.values)
    generator = RandomGenerator(seed: seed)
    #expect(generator.permutation(10).map { Float($0) } == golden["seed\(seed).randperm10"]?.values)
  }

  @Test func seedsBeyond32BitsWrap() {
    var (small, large) = (RandomGenerator(seed: 7), RandomGenerator(seed: 7 + 1 << 32))
    var other = RandomGenerator(seed: 8)
    let drawn = small.normal([20])
    #expect(drawn == RandomGenerator.drawn(&large))
    #expect(drawn != RandomGenerator.drawn(&other))
  }
}

extension RandomGenerator {
  fileprivate static func drawn(_ generator: inout RandomGenerator) -> Tensor { generator.normal([20]) }
}
