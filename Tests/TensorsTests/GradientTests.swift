import Foundation
import Tensors
import TestSupport
import Testing

/// Every operation's result against its double-precision twin, and its gradient against a finite difference of the
/// twin.
@Suite struct GradientTests: GradientChecking {
  @Test func elementwise() {
    let (a, b) = (Self.random(1, [2, 3]), Self.random(2, [2, 3], in: 1...2))
    let (row, column) = (Self.random(3, [3], in: 1...2), Self.random(3, [4, 1, 1], in: 1...2))
    check("+", [a, row]) {
      $0[0] + $0[1]
    } twin: {
      $0[0] + $0[1]
    }
    check("-", [row, a]) {
      $0[0] - $0[1]
    } twin: {
      $0[0] - $0[1]
    }
    check("*", [a, row]) {
      $0[0] * $0[1]
    } twin: {
      $0[0] * $0[1]
    }
    check("*, three axes", [a, column]) {
      $0[0] * $0[1]
    } twin: {
      $0[0] * $0[1]
    }
    check("/", [a, b]) {
      $0[0] / $0[1]
    } twin: {
      $0[0] / $0[1]
    }
    check("/, broadcast", [a, column]) {
      $0[0] / $0[1]
    } twin: {
      $0[0] / $0[1]
    }
    check("x + 2", a) {
      $0 + 2
    } twin: {
      $0 + 2
    }
    check("x - 2", a) {
      $0 - 2
    } twin: {
      $0 - 2
    }
    check("x · 3", a) {
      $0 * 3
    } twin: {
      $0 * 3
    }
    check("x / 3", a) {
      $0 / 3
    } twin: {
      $0 / 3
    }
    check("2 + x", a) {
      2 + $0
    } twin: {
      2 + $0
    }
    check("2 - x", a) {
      2 - $0
    } twin: {
      2 - $0
    }
    check("3 · x", a) {
      3 * $0
    } twin: {
      3 * $0
    }
    check("3 / x", b) {
      3 / $0
    } twin: {
      3 / $0
    }
    check("-x", a) {
      -$0
    } twin: {
      -$0
    }
    check("exp", a) {
      $0.exp()
    } twin: {
      Foundation.exp($0)
    }
    check("log", b) {
      $0.log()
    } twin: {
      Foundation.log($0)
    }
    check("sqrt", b) {
      $0.sqrt()
    } twin: {
      $0.squareRoot()
    }
    check("square", a) {
      $0.square()
    } twin: {
      $0 * $0
    }
    check("abs", a) {
      $0.abs()
    } twin: {
      $0.magnitude
    }
    check("sine", a) {
      $0.sine()
    } twin: {
      Foundation.sin($0)
    }
    check("cosine", a) {
      $0.cosine()
    } twin: {
      Foundation.cos($0)
    }
    check("clamped", a) {
      $0.clamped(to: -0.5...0.5)
    } twin: {
      min(max($0, -0.5), 0.5)
    }
    let zero = Tape.variable(.zeros([1]))
    #expect(Tape.gradients(of: zero.abs().sum(), for: [zero])[0].values == [0])
  }

  @Test func activations() {
    let x = Self.random(4, [3, 38], in: -6...6)
    check("tanh", x) {
      $0.tanh()
    } twin: {
      Foundation.tanh($0)
    }
    check("sigmoid", x) {
      $0.sigmoid()
    } twin: {
      1 / (1 + Foundation.exp(-$0))
    }
    check("silu", x) {
      $0.silu()
    } twin: {
      Twin.silu($0)
    }
    check("gelu", x) {
      $0.gelu()
    } twin: {
      Twin.gelu($0)
    }
    check("geluTanh", x) {
      $0.geluTanh()
    } twin: {
      0.5 * $0 * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    }
    check("quickGELU", x) {
      $0.quickGELU()
    } twin: {
      $0 / (1 + Foundation.exp(-1.702 * $0))
    }
    check("geglu", [x]) {
      $0[0].geglu()
    } twin: {
      $0[0].gathered(1, Array(0..<19)) * $0[0].gathered(1, Array(19..<38)).map { Twin.gelu($0) }
    }
  }

  @Test func shapes() {
    let x = Self.random(5, [2, 3, 4])
    check("reshaped", [x]) {
      $0[0].reshaped([4, -1])
    } twin: {
      Twin([4, 6], $0[0].values)
    }
    check("permuted", [x]) {
      $0[0].permuted([2, 0, 1])
    } twin: {
      $0[0].permuted([2, 0, 1])
    }
    check("transposed", [x]) {
      $0[0].transposed()
    } twin: {
      $0[0].permuted([0, 2, 1])
    }
    check("sliced", [x]) {
      $0[0].sliced(axis: 1, 1..<3)
    } twin: {
      $0[0].gathered(1, [1, 2])
    }
    check("gathered", [x]) {
      $0[0].gathered(axis: 2, [3, 0, 3, 1])
    } twin: {
      $0[0].gathered(2, [3, 0, 3, 1])
    }
    check("split", [x]) {
      let parts = $0[0].split(axis: 2, sizes: [1, 3])
      return parts[0] * parts[1]
    } twin: {
      $0[0].gathered(2, [0]) * $0[0].gathered(2, [1, 2, 3])
    }
    check("concatenated", [x, Self.random(6, [2, 1, 4])]) {
      .concatenated([$0[0], $0[1], $0[0]], axis: 1)
    } twin: {
      .concatenated([$0[0], $0[1], $0[0]], 1)
    }
    check("stacked", [x, x + 1]) {
      .stacked($0, axis: 2)
    } twin: { twins in
      Twin([2, 3, 2, 4]) { twins[$0[2]][[$0[0], $0[1], $0[3]]] }
    }
    check("broadcast", [Self.random(7, [3, 1])]) {
      $0[0].broadcast(to: [2, 3, 5])
    } twin: { twins in
      Twin([2, 3, 5]) { twins[0][$0] }
    }
    check("repeated", [x]) {
      $0[0].repeated(axis: 1, count: 2)
    } twin: {
      $0[0].gathered(1, [0, 0, 1, 1, 2, 2])
    }
    check("padded", [x]) {
      $0[0].padded(top: 1, left: 0, bottom: 2, right: 3, value: 0.5)
    } twin: { twins in
      Twin([2, 6, 7]) { $0[1] < 1 || $0[1] > 3 || $0[2] > 3 ? 0.5 : twins[0][[$0[0], $0[1] - 1, $0[2]]] }
    }
  }

  @Test func resampling() {
    let x = Self.random(5, [2, 3, 4])
    /// The coordinate of each of `count` positions among `old` ones.
    func centres(_ old: Int, _ count: Int) -> [Double] {
      (0..<count).map { (Double($0) + 0.5) * Double(old) / Double(count) - 0.5 }
    }
    func nearest(_ old: Int, _ count: Int) -> [[(Int, Double)]] { (0..<count).map { [($0 * old / count, 1)] } }
    func bilinear(_ old: Int, _ count: Int) -> [[(Int, Double)]] {
      centres(old, count).map { centre in
        let (position, first) = (max(centre, 0), Int(max(centre, 0)))
        return [(first, 1 - (position - Double(first))), (min(first + 1, old - 1), position - Double(first))]
      }
    }
    func bicubic(_ old: Int, _ count: Int) -> [[(Int, Double)]] {
      centres(old, count).map { centre in
        (-1...2).map { offset in
          let position = Int(centre.rounded(.down)) + offset
          let t = abs(centre - Double(position))
          let weight =
            t <= 1 ? 1.25 * t * t * t - 2.25 * t * t + 1 : -0.75 * t * t * t + 3.75 * t * t - 6 * t + 3
          return (min(max(position, 0), old - 1), weight)
        }
      }
    }
    check("nearest", [x]) {
      $0[0].resizedNearest(height: 5, width: 7)
    } twin: {
      $0[0].resampled(nearest(3, 5), nearest(4, 7))
    }
    for (height, width) in [(5, 7), (2, 3), (6, 2)] {
      check("bicubic", [x]) {
        $0[0].resized(height: height, width: width, method: .bicubic)
      } twin: {
        $0[0].resampled(bicubic(3, height), bicubic(4, width))
      }
      check("bilinear", [x]) {
        $0[0].resized(height: height, width: width, method: .bilinear)
      } twin: {
        $0[0].resampled(bilinear(3, height), bilinear(4, width))
      }
    }
  }

  @Test func reductionsAndProducts() {
    let x = Self.random(8, [2, 3, 4])
    check("sum", [x]) {
      $0[0].sum(axes: [0, 2])
    } twin: {
      $0[0].sum([0, 2])
    }
    check("sum of rows", [x]) {
      $0[0].sum(axes: [2])
    } twin: {
      $0[0].sum([2])
    }
    check("sum of all", [x]) {
      $0[0].sum()
    } twin: {
      $0[0].sum([0, 1, 2])
    }
    check("mean", [x]) {
      $0[0].mean(axes: [1], keepingAxes: true)
    } twin: {
      $0[0].mean([1], keepingAxes: true)
    }
    check("mean of planes", [x]) {
      $0[0].mean(axes: [1, 2])
    } twin: {
      $0[0].mean([1, 2])
    }
    check("mean of all", [x]) {
      $0[0].mean()
    } twin: {
      $0[0].mean([0, 1, 2])
    }
    check("softmax", [x * 3]) {
      $0[0].softmax()
    } twin: {
      $0[0].softmax()
    }
    check("matmul", [x, Self.random(9, [4, 5])]) {
      $0[0].matmul($0[1])
    } twin: {
      $0[0].matmul($0[1])
    }
    check("matmul, batched", [x, Self.random(9, [2, 4, 5])]) {
      $0[0].matmul($0[1])
    } twin: {
      $0[0].matmul($0[1])
    }
    check("matmul, broadcast", [Self.random(10, [1, 3, 4]), Self.random(11, [2, 4, 2])]) {
      $0[0].matmul($0[1])
    } twin: {
      $0[0].matmul($0[1])
    }
    let (weight, bias) = (Self.random(12, [5, 4]), Self.random(13, [5]))
    check("linear", [x, weight, bias]) {
      $0[0].linear(weight: $0[1], bias: $0[2])
    } twin: {
      $0[0].linear($0[1], $0[2])
    }
    check("linear without bias", [x, weight]) {
      $0[0].linear(weight: $0[1], bias: nil)
    } twin: {
      $0[0].linear($0[1], nil)
    }
  }

  @Test func withoutThreadsGradientsAreTheSame() {
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

  @Test func unusedVariablesGetZeros() {
    let (a, b) = (Tape.variable(.ones([2])), Tape.variable(.ones([3])))
    let gradients = Tape.gradients(of: (a * a).sum(), for: [a, b])
    #expect(gradients[0].values == [2, 2])
    #expect(gradients[1].values == [0, 0, 0])
    #expect(!Tensor.ones([2]).exp().isRecorded)
    #expect(a.exp().isRecorded)
    #expect(!a.exp().detached.isRecorded)
  }

  @Test func gradientsOfATensorUsedTwiceAreAdded() {
    let x = Tape.variable(Tensor([3], shape: [1]))
    let y = x * x + x
    #expect(Tape.gradients(of: (y * y).sum(), for: [x])[0].values == [2 * 12 * 7])
  }
}
