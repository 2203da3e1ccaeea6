import Tensors
import Testing

@Suite struct CounterGeneratorTests {
  /// The published test vectors of Random123 for Philox 4x32-10.
  @Test func philoxReturnsThePublishedNumbers() {
    let cases: [(counter: [UInt32], key: [UInt32], block: [UInt32])] = [
      ([0, 0, 0, 0], [0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
      (
        [.max, .max, .max, .max], [.max, .max], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
      ),
      (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
      ),
    ]
    for (counter, key, block) in cases {
      let found = CounterGenerator.block((counter[0], counter[1], counter[2], counter[3]), key: (key[0], key[1]))
      #expect([found.0, found.1, found.2, found.3] == block)
    }
  }

  @Test func numbersDependOnSeedSampleAndStreamAlone() {
    func draw(_ seed: UInt64, _ sample: Int, _ stream: UInt32 = 0) -> [Float] {
      var generator = CounterGenerator(seed: seed, sample: sample, stream: stream)
      return (0..<9).map { _ in generator.uniform() }
    }
    #expect(draw(1, 7) == draw(1, 7))
    let all = [draw(1, 7), draw(2, 7), draw(1, 8), draw(1, 7, 1), draw(1 << 40, 7), draw(1, 1 << 40)]
    #expect(Set(all).count == all.count)
    #expect(Set(all.joined()).count == all.count * 9)
  }

  @Test func normalNumbersAreNormal() {
    var generator = CounterGenerator(seed: 5, sample: 0)
    let values = generator.normal([99, 101]).values.map(Double.init)
    #expect(values.count == 9999)
    let mean = values.reduce(0, +) / 9999
    let square = values.reduce(0) { $0 + $1 * $1 } / 9999
    let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / 9999
    #expect(abs(mean) < 0.04 && abs(square - 1) < 0.06 && abs(fourth - 3) < 0.4)
  }
}
