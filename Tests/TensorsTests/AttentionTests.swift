import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct AttentionTests {
  /// Plain attention in double precision: result [B, Q, heads·E] and probabilities [B, heads, Q, K].
  private func reference(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, heads: Int, bias: Tensor?, causal: Bool
  ) -> (result: [Double], probabilities: [Double]) {
    let (batch, queries, keys) = (query.shape[0], query.shape[1], key.shape[1])
    let (width, depth) = (query.shape[2] / heads, value.shape[2] / heads)
    var result = [Double](repeating: 0, count: batch * queries * heads * depth)
    var probabilities = [Double](repeating: 0, count: batch * heads * queries * keys)
    let spread = bias?.broadcast(to: [batch, heads, queries, keys])
    for b in 0..<batch {
      for h in 0..<heads {
        for q in 0..<queries {
          var scores = (0..<keys).map { k -> Double in
            if causal, k > q { return -.infinity }
            let dot = (0..<width).reduce(0.0) {
              $0 + Double(query[b, q, h * width + $1]) * Double(key[b, k, h * width + $1])
            }
            return dot / Double(width).squareRoot() + Double(spread?[b, h, q, k] ?? 0)
          }
          let top = scores.max() ?? 0
          scores = scores.map { exp($0 - top) }
          let sum = scores.reduce(0, +)
          for k in 0..<keys {
            let probability = scores[k] / sum
            probabilities[((b * heads + h) * queries + q) * keys + k] = probability
            for e in 0..<depth {
              result[(b * queries + q) * heads * depth + h * depth + e] +=
                probability * Double(value[b, k, h * depth + e])
            }
          }
        }
      }
    }
    return (result, probabilities)
  }

  @Test(arguments: [(1, 1, 1, 1), (2, 5, 7, 3), (1, 17, 3, 2)], [false, true])
  func equalsPlainAttention(sizes: (Int, Int, Int, Int), causal: Bool) {
    let (batch, queries, keys, heads) = sizes
    var numbers = TestNumbers(UInt64(queries))
    let query = numbers.tensor([batch, queries, heads * 4], in: -2...2)
    let key = numbers.tensor([batch, keys, heads * 4], in: -2...2)
    let value = numbers.tensor([batch, keys, heads * 6], in: -2...2)
    let bias = numbers.tensor([1, heads, queries, keys], in: -1...1)
    let expected = reference(query, key, value, heads: heads, bias: bias, causal: causal)
    let found = attention(query: query, key: key, value: value, heads: heads, bias: bias, causal: causal)
    #expect(found.shape == [batch, queries, heads * 6])
    #expect(zip(found.values, expected.result).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    let probabilities = attentionProbabilities(query: query, key: key, heads: heads, bias: bias, causal: causal)
    #expect(zip(probabilities.values, expected.probabilities).allSatisfy { abs(Double($0) - $1) < 1e-6 })
  }

  /// So many keys that they are taken block by block.
  @Test(.longNumeric) func manyKeys() {
    var numbers = TestNumbers(9)
    let query = numbers.tensor([2, 5, 8], in: -2...2)
    let (key, value) = (numbers.tensor([2, 1300, 8], in: -4...4), numbers.tensor([2, 1300, 12], in: -2...2))
    var bias = numbers.tensor([1, 1, 5, 1300], in: -1...1)
    for column in 0..<600 { bias[0, 0, 1, column] = -.infinity }
    for column in 0..<1300 { bias[0, 0, 2, column] = -.infinity }
    let found = attention(query: query, key: key, value: value, heads: 2, bias: bias)
    let expected = reference(query, key, value, heads: 2, bias: bias, causal: false)
    for row in 0..<2 * 5 where row % 5 != 2 {
      for column in 0..<12 {
        #expect(abs(Double(found.values[row * 12 + column]) - expected.result[row * 12 + column]) < 1e-5)
      }
    }
    #expect((0..<12).allSatisfy { found[0, 2, $0] == 0 && found[1, 2, $0] == 0 })
    var seen: Tensor?
    let watched = attention(query: query, key: key, value: value, heads: 2, bias: bias) {
      seen = $0
      return nil
    }
    #expect(watched == found && seen?.shape == [2, 2, 5, 1300])
    let replaced = attention(query: query, key: key, value: value, heads: 2, bias: bias) { $0 * 2 }
    #expect(replaced.isClose(to: found * 2, relative: 1e-5))
  }

  @Test(.longNumeric) func observingChangesNoBit() {
    var numbers = TestNumbers(3)
    // More queries than one block holds.
    let query = numbers.tensor([1, 3000, 8], in: -2...2)
    let (key, value) = (numbers.tensor([1, 700, 8], in: -2...2), numbers.tensor([1, 700, 8], in: -2...2))
    var seen: Tensor?
    let watched = attention(query: query, key: key, value: value, heads: 2) { probabilities in
      seen = probabilities
      return nil
    }
    #expect(watched == attention(query: query, key: key, value: value, heads: 2))
    #expect(seen?.shape == [1, 2, 3000, 700])
    #expect(seen?.sum(axes: [3]).values.allSatisfy { abs($0 - 1) < 1e-4 } == true)
  }

  @Test func replacedProbabilitiesAreUsed() {
    var numbers = TestNumbers(4)
    let (query, key) = (numbers.tensor([1, 3, 4]), numbers.tensor([1, 2, 4]))
    let value = Tensor([1, 2, 3, 4, 5, 6, 7, 8], shape: [1, 2, 4])
    let result = attention(query: query, key: key, value: value, heads: 2) { _ in
      Tensor((0..<6).flatMap { _ in [Float(0), 1] }, shape: [1, 2, 3, 2])
    }
    #expect(result.values == [5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8])
  }

  @Test func queriesWithoutAnyKeyReturnZeros() {
    let ones = Tensor.ones([1, 2, 4])
    let bias = Tensor(repeating: -.infinity, shape: [1, 1, 1, 2])
    #expect(attention(query: ones, key: ones, value: ones, heads: 1, bias: bias).values.allSatisfy { $0 == 0 })
  }

  @Test func recordedBiasesAndReplacementsAreRefused() async {
    await #expect(processExitsWith: .failure) {
      let x = Tensor.ones([1, 2, 4])
      _ = attention(query: x, key: x, value: x, heads: 1, bias: Tape.variable(.zeros([1, 1, 2, 2])))
    }
    await #expect(processExitsWith: .failure) {
      let x = Tensor.ones([1, 2, 4])
      _ = attention(query: x, key: x, value: x, heads: 1) { Tape.variable($0) }
    }
  }
}
