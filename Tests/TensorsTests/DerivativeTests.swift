import Foundation
import Tensors
import TestSupport
import Testing

/// Every operation's derivative against a finite difference of the operation itself.
@Suite struct DerivativeTests {
  private static func random(_ seed: UInt64, _ shape: [Int], in range: ClosedRange<Float> = -1...1) -> Tensor {
    var numbers = TestNumbers(seed)
    return numbers.tensor(shape, in: range)
  }

  /// Compares the derivatives of a weighted sum of the result with central differences, input by input, place by place.
  private func check(
    _ name: String, _ inputs: [Tensor], step: Float = 0.02, tolerance: Double = 4e-3, _ operation: ([Tensor]) -> Tensor
  ) {
    let weights = Self.random(77, operation(inputs).shape)
    func loss(_ inputs: [Tensor]) -> Double {
      zip(operation(inputs).values, weights.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let variables = inputs.map { Tape.variable($0) }
    let gradients = Tape.gradients(of: (operation(variables) * weights).sum(), for: variables)
    for (index, input) in inputs.enumerated() {
      #expect(gradients[index].shape == input.shape)
      let largest = Double(gradients[index].values.map(\.magnitude).max() ?? 0)
      for place in 0..<input.count {
        func moved(_ by: Float) -> Double {
          var values = input.values
          values[place] += by
          var changed = inputs
          changed[index] = Tensor(values, shape: input.shape)
          return loss(changed)
        }
        // The second, halved step removes the error of the first (Richardson).
        let coarse = (moved(step) - moved(-step)) / Double(2 * step)
        let fine = (moved(step / 2) - moved(-step / 2)) / Double(step)
        let slope = (4 * fine - coarse) / 3
        let found = Double(gradients[index].values[place])
        #expect(
          abs(found - slope) <= tolerance * max(1, largest),
          "\(name), input \(index), place \(place): \(found), \(slope)")
      }
    }
  }

  @Test func elementwise() {
    let (a, b) = (Self.random(1, [2, 3]), Self.random(2, [2, 3], in: 1...2))
    let row = Self.random(3, [3], in: 1...2)
    check("+", [a, row]) { $0[0] + $0[1] }
    check("-", [row, a]) { $0[0] - $0[1] }
    check("*", [a, row]) { $0[0] * $0[1] }
    check("/", [a, b]) { $0[0] / $0[1] }
    check("scalars", [b]) { 2 - (3 * $0[0] + 1) / 2 + 1 / $0[0] - -$0[0] * 0.5 }
    check("exp", [a]) { $0[0].exp() }
    check("log", [b]) { $0[0].log() }
    check("sqrt", [b]) { $0[0].sqrt() }
    check("square", [a]) { $0[0].square() }
    check("abs", [b - 3]) { $0[0].abs() }
    check("sine", [a]) { $0[0].sine() }
    check("cosine", [a]) { $0[0].cosine() }
    check("clamped", [b]) { $0[0].clamped(to: 0...5) }
  }

  @Test func activations() {
    let x = Self.random(4, [3, 4], in: -3...3)
    check("tanh", [x]) { $0[0].tanh() }
    check("sigmoid", [x]) { $0[0].sigmoid() }
    check("silu", [x]) { $0[0].silu() }
    check("gelu", [x]) { $0[0].gelu() }
    check("geluTanh", [x]) { $0[0].geluTanh() }
    check("quickGELU", [x]) { $0[0].quickGELU() }
    check("geglu", [x]) { $0[0].geglu() }
  }

  @Test func shapes() {
    let x = Self.random(5, [2, 3, 4])
    check("reshaped", [x]) { $0[0].reshaped([4, -1]) }
    check("permuted", [x]) { $0[0].permuted([2, 0, 1]) }
    check("sliced", [x]) { $0[0].sliced(axis: 1, 1..<3) }
    check("gathered", [x]) { $0[0].gathered(axis: 2, [3, 0, 3, 1]) }
    check("concatenated", [x, Self.random(6, [2, 1, 4])]) { .concatenated([$0[0], $0[1], $0[0]], axis: 1) }
    check("stacked", [x, x]) { .stacked($0, axis: 2) }
    check("broadcast", [Self.random(7, [3, 1])]) { $0[0].broadcast(to: [2, 3, 5]) }
    check("repeated", [x]) { $0[0].repeated(axis: 0, count: 3) }
    check("padded", [x]) { $0[0].padded(top: 1, left: 0, bottom: 2, right: 3) }
    check("nearest", [x]) { $0[0].upsampledNearest(height: 5, width: 7) }
    check("bicubic", [x]) { $0[0].resized(height: 5, width: 7, method: .bicubic) }
    check("bilinear", [x]) { $0[0].resized(height: 2, width: 3, method: .bilinear) }
  }

  @Test func reductionsAndProducts() {
    let x = Self.random(8, [2, 3, 4])
    check("sum", [x]) { $0[0].sum(axes: [0, 2]) }
    check("mean", [x]) { $0[0].mean(axes: [1], keepingAxes: true) }
    check("mean of all", [x]) { $0[0].mean() }
    check("softmax", [x]) { $0[0].softmax() }
    check("matmul", [x, Self.random(9, [4, 5])]) { $0[0].matmul($0[1]) }
    check("matmul, broadcast", [Self.random(10, [1, 3, 4]), Self.random(11, [2, 4, 2])]) { $0[0].matmul($0[1]) }
    check("linear", [x, Self.random(12, [5, 4]), Self.random(13, [5])]) { $0[0].linear(weight: $0[1], bias: $0[2]) }
    check("linear without bias", [x, Self.random(12, [5, 4])]) { $0[0].linear(weight: $0[1], bias: nil) }
  }

  @Test func normsAndConvolutions() {
    let x = Self.random(14, [2, 4, 3, 5])
    let (weight, bias) = (Self.random(15, [4]), Self.random(16, [4]))
    check("groupNorm", [x, weight, bias]) { $0[0].groupNorm(groups: 2, weight: $0[1], bias: $0[2], epsilon: 1e-5) }
    check("groupNorm, silu", [x, weight, bias]) {
      $0[0].groupNorm(groups: 4, weight: $0[1], bias: $0[2], epsilon: 1e-5, silu: true)
    }
    check("layerNorm", [Self.random(17, [3, 4]), weight, bias]) {
      $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 1e-5)
    }
    check("layerNorm, plain", [Self.random(17, [3, 4])]) { $0[0].layerNorm(weight: nil, bias: nil, epsilon: 1e-5) }
    for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (1, 1, 0), (2, 2, 0)] {
      check("conv2d \(kernel), \(stride)", [x, Self.random(18, [2, 4, kernel, kernel]), Self.random(19, [2])]) {
        $0[0].conv2d(weight: $0[1], bias: $0[2], stride: stride, padding: padding)
      }
    }
  }

  @Test func attentionAndItsProbabilities() {
    let (query, key) = (Self.random(20, [2, 3, 4], in: -2...2), Self.random(21, [2, 5, 4], in: -2...2))
    let value = Self.random(22, [2, 5, 6])
    let bias = Self.random(23, [1, 1, 3, 5])
    check("attention", [query, key, value]) { attention(query: $0[0], key: $0[1], value: $0[2], heads: 2, bias: bias) }
    check("causal", [query, key, value]) { attention(query: $0[0], key: $0[1], value: $0[2], heads: 1, causal: true) }
    check("probabilities", [query, key]) { attentionProbabilities(query: $0[0], key: $0[1], heads: 2, bias: bias) }
  }

  @Test func aloneOnAThreadEverythingIsTheSame() {
    var numbers = TestNumbers(31)
    let x = numbers.tensor([2, 8, 24, 24])
    let (weight, scale) = (numbers.tensor([8, 8, 3, 3]), numbers.tensor([8]))
    func gradients() -> [Tensor] {
      let variables = [x, weight, scale].map { Tape.variable($0) }
      let y = variables[0].conv2d(weight: variables[1], bias: variables[2], padding: 1)
        .groupNorm(groups: 4, weight: variables[2], bias: nil, epsilon: 1e-5, silu: true)
      return Tape.gradients(of: y.square().sum(), for: variables)
    }
    let shared = gradients()
    let alone = withoutThreads { gradients() }
    for (a, b) in zip(shared, alone) {
      let largest = a.values.map(\.magnitude).max() ?? 0
      #expect(zip(a.values, b.values).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }
    #expect(withoutThreads { withoutThreads { gradients() } } == alone)
  }

  @Test func variablesThatDidNotTakePartGetZeros() {
    let (a, b) = (Tape.variable(.ones([2])), Tape.variable(.ones([3])))
    let gradients = Tape.gradients(of: (a * a).sum(), for: [a, b])
    #expect(gradients[0].values == [2, 2])
    #expect(gradients[1].values == [0, 0, 0])
    #expect(!Tensor.ones([2]).exp().isRecorded)
    #expect(a.exp().isRecorded)
    #expect(!a.exp().detached.isRecorded)
  }

  @Test func aTensorUsedTwiceCollectsBothDerivatives() {
    let x = Tape.variable(Tensor([3], shape: [1]))
    let y = x * x + x
    #expect(Tape.gradients(of: (y * y).sum(), for: [x])[0].values == [2 * 12 * 7])
  }
}
