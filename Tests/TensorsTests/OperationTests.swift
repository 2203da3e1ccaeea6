import Foundation
import Tensors
import TestSupport
import Testing

/// Every operation against a plain double-precision twin, over sizes 0, 1, and not multiples of a vector's width.
@Suite struct OperationTests {
  @Test func valuesAreCopiedOnWrite() {
    let first = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
    var second = first.reshaped([3, 2])
    second[0, 1] = 9
    #expect(first.values == [1, 2, 3, 4, 5, 6])
    #expect(second.values == [1, 9, 3, 4, 5, 6])
    #expect(first[1, 2] == 6)
  }

  @Test func permutingMovesEveryValue() {
    var numbers = TestNumbers(1)
    let x = numbers.tensor([2, 3, 5, 7])
    let y = x.permuted([2, 0, 3, 1])
    #expect(y.shape == [5, 2, 7, 3])
    for a in 0..<2 {
      for b in 0..<3 {
        for c in 0..<5 {
          for d in 0..<7 { #expect(y[c, a, d, b] == x[a, b, c, d]) }
        }
      }
    }
    #expect(x.transposed().shape == [2, 3, 7, 5])
    #expect(x.transposed().transposed() == x)
  }

  @Test func slicesGathersAndJoins() {
    let x = Tensor((0..<24).map(Float.init), shape: [2, 3, 4])
    #expect(x.sliced(axis: 1, 1..<3).values == [4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23])
    #expect(x.gathered(axis: 2, [3, 0, 3]).sliced(axis: 0, 0..<1).values == [3, 0, 3, 7, 4, 7, 11, 8, 11])
    #expect(Tensor.concatenated(x.split(axis: 2, sizes: [1, 0, 3]), axis: 2) == x)
    #expect(Tensor.stacked([x, x], axis: 1).shape == [2, 2, 3, 4])
    #expect(x.repeated(axis: 0, count: 2).sliced(axis: 0, 1..<3).values == x.values)
    #expect(x.padded(top: 1, left: 2, bottom: 0, right: 1, value: 7).shape == [2, 4, 7])
    #expect(x.padded(top: 1, left: 2, bottom: 0, right: 1, value: 7)[1, 1, 2] == 12)
    #expect(x.padded(top: 1, left: 2, bottom: 0, right: 1, value: 7)[1, 0, 3] == 7)
  }

  @Test(arguments: [
    ([3, 1, 5], [4, 1]), ([1], [2, 3]), ([2, 3], [2, 3]), ([], [3, 2]), ([2, 1, 3, 1], [5, 1, 7]), ([0, 3], [1, 3]),
  ])
  func broadcastsAsNumPy(a: [Int], b: [Int]) {
    var numbers = TestNumbers(2)
    let (x, y) = (numbers.tensor(a, in: -1...1), numbers.tensor(b, in: 1...2))
    let sum = x + y
    let shape = sum.shape
    let (left, right) = (x.broadcast(to: shape), y.broadcast(to: shape))
    #expect(sum.values == zip(left.values, right.values).map { $0 + $1 })
    #expect((x * y).values == zip(left.values, right.values).map { $0 * $1 })
    #expect((x - y).values == zip(left.values, right.values).map { $0 - $1 })
    #expect((x / y).values == zip(left.values, right.values).map { $0 / $1 })
  }

  @Test func broadcastRepeatsTheRightAxes() {
    let x = Tensor([1, 2, 3], shape: [3, 1]).broadcast(to: [2, 3, 2])
    #expect(x.values == [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3])
  }

  @Test(arguments: [1, 2, 7, 33, 1025])
  func elementwiseFunctions(count: Int) {
    var numbers = TestNumbers(3)
    let x = numbers.tensor([count], in: -6...6)
    func check(_ name: String, _ found: Tensor, _ reference: (Double) -> Double) {
      for (value, input) in zip(found.values, x.values) {
        let expected = reference(Double(input))
        #expect(abs(Double(value) - expected) <= 2e-6 * max(1, abs(expected)), "\(name) of \(input)")
      }
    }
    check("exp", x.exp()) { exp($0) }
    check("square", x.square()) { $0 * $0 }
    check("sine", x.sine()) { sin($0) }
    check("cosine", x.cosine()) { cos($0) }
    check("tanh", x.tanh()) { tanh($0) }
    check("sigmoid", x.sigmoid()) { 1 / (1 + exp(-$0)) }
    check("silu", x.silu()) { $0 / (1 + exp(-$0)) }
    check("gelu", x.gelu()) { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }
    check("geluTanh", x.geluTanh()) {
      0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
    }
    check("quickGELU", x.quickGELU()) { $0 / (1 + exp(-1.702 * $0)) }
    check("clamped", x.clamped(to: -1...2)) { min(max($0, -1), 2) }
    check("abs", x.abs()) { abs($0) }
  }

  @Test func geglu() {
    var numbers = TestNumbers(4)
    let x = numbers.tensor([3, 10], in: -3...3)
    let y = x.geglu()
    #expect(y.shape == [3, 5])
    for row in 0..<3 {
      for column in 0..<5 {
        let gate = Double(x[row, 5 + column])
        let expected = Double(x[row, column]) * 0.5 * gate * (1 + erf(gate / 2.0.squareRoot()))
        #expect(abs(Double(y[row, column]) - expected) < 1e-5)
      }
    }
  }

  @Test func reductionsOverAnyAxes() {
    var numbers = TestNumbers(5)
    let x = numbers.tensor([3, 4, 5], in: -1...1)
    let sums = x.sum(axes: [0, 2])
    for column in 0..<4 {
      var expected = 0.0
      for a in 0..<3 { for b in 0..<5 { expected += Double(x[a, column, b]) } }
      #expect(abs(Double(sums[column]) - expected) < 1e-6)
    }
    #expect(x.mean(axes: [1], keepingAxes: true).shape == [3, 1, 5])
    #expect(x.maximum().item == x.values.max())
    #expect(x.minimum(axes: [0, 1, 2]).item == x.values.min())
    #expect(x.values[x.argMax()] == x.values.max())
    #expect(Tensor([], shape: [0, 3]).sum(axes: [0]).values == [0, 0, 0])
    #expect(Tensor([1, .nan, 2], shape: [3]).maximum().item.isNaN)
    #expect(!Tensor([1, .infinity], shape: [2]).isFinite)
  }

  @Test(arguments: [(1, 1), (3, 1), (4, 17), (2, 100)])
  func softmaxRows(rows: Int, columns: Int) {
    var numbers = TestNumbers(6)
    let x = numbers.tensor([rows, columns], in: -30...30)
    let y = x.softmax()
    for row in 0..<rows {
      let values = (0..<columns).map { Double(x[row, $0]) }
      let sum = values.reduce(0) { $0 + exp($1 - values.max()!) }
      for column in 0..<columns {
        #expect(abs(Double(y[row, column]) - exp(values[column] - values.max()!) / sum) < 1e-6)
      }
    }
  }

  @Test func softmaxOfAFullyMaskedRowIsZero() {
    #expect(Tensor([-.infinity, -.infinity], shape: [1, 2]).softmax().values == [0, 0])
  }

  @Test(arguments: [
    ([3, 5], [5, 7]), ([2, 1, 4, 3], [5, 3, 2]), ([1, 1], [1, 1]), ([2, 0], [0, 3]), ([0, 2], [2, 3]),
  ])
  func matrixProduct(a: [Int], b: [Int]) {
    var numbers = TestNumbers(7)
    let (x, y) = (numbers.tensor(a, in: -1...1), numbers.tensor(b, in: -1...1))
    let z = x.matmul(y)
    let (rows, inner, columns) = (a[a.count - 2], a[a.count - 1], b[b.count - 1])
    let leading = Array(z.shape.dropLast(2))
    let (left, right) = (
      x.broadcast(to: leading + [rows, inner]).values, y.broadcast(to: leading + [inner, columns]).values
    )
    for batch in 0..<leading.reduce(1, *) {
      for row in 0..<rows {
        for column in 0..<columns {
          var expected = 0.0
          for k in 0..<inner {
            expected +=
              Double(left[(batch * rows + row) * inner + k]) * Double(right[(batch * inner + k) * columns + column])
          }
          #expect(abs(Double(z.values[(batch * rows + row) * columns + column]) - expected) < 1e-5)
        }
      }
    }
  }

  @Test func linearIsProductWithTransposedWeightPlusBias() {
    var numbers = TestNumbers(8)
    let (x, weight, bias) = (
      numbers.tensor([2, 3, 5], in: -1...1), numbers.tensor([7, 5], in: -1...1), numbers.tensor([7])
    )
    let expected = x.matmul(weight.transposed()) + bias
    #expect(x.linear(weight: weight, bias: bias).isClose(to: expected, absolute: 1e-6))
    #expect(x.linear(weight: weight, bias: nil).isClose(to: expected - bias, absolute: 1e-6))
  }

  @Test(arguments: [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (3, 1, 0), (5, 3, 2), (2, 2, 0)])
  func convolution(kernel: Int, stride: Int, padding: Int) {
    var numbers = TestNumbers(9)
    let (x, weight) = (numbers.tensor([2, 3, 7, 9], in: -1...1), numbers.tensor([4, 3, kernel, kernel], in: -1...1))
    let bias = numbers.tensor([4])
    let y = x.conv2d(weight: weight, bias: bias, stride: stride, padding: padding)
    let (height, width) = ((7 + 2 * padding - kernel) / stride + 1, (9 + 2 * padding - kernel) / stride + 1)
    #expect(y.shape == [2, 4, height, width])
    let sample = 1
    for output in 0..<4 {
      for row in 0..<height {
        for column in 0..<width {
          var expected = Double(bias[output])
          for input in 0..<3 {
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                let (top, left) = (row * stride + ky - padding, column * stride + kx - padding)
                guard (0..<7).contains(top), (0..<9).contains(left) else { continue }
                expected += Double(x[sample, input, top, left]) * Double(weight[output, input, ky, kx])
              }
            }
          }
          #expect(abs(Double(y[sample, output, row, column]) - expected) < 1e-5)
        }
      }
    }
  }

  @Test(.longNumeric) func convolutionInBandsEqualsTheWhole() {
    var numbers = TestNumbers(10)
    // Large enough that patches are laid out in several bands.
    let (x, weight) = (numbers.tensor([1, 40, 130, 128], in: -1...1), numbers.tensor([3, 40, 3, 3], in: -1...1))
    let whole = x.conv2d(weight: weight, bias: nil, padding: 1)
    let part = x.sliced(axis: 2, 99..<104).conv2d(weight: weight, bias: nil, padding: 1)
    #expect(whole.sliced(axis: 2, 100..<103).isClose(to: part.sliced(axis: 2, 1..<4), relative: 1e-5))
  }

  @Test(arguments: [1, 5, 16, 33])
  func layerNorm(width: Int) {
    var numbers = TestNumbers(11)
    let x = numbers.tensor([3, width], in: 5...9)
    let (weight, bias) = (numbers.tensor([width]), numbers.tensor([width]))
    let y = x.layerNorm(weight: weight, bias: bias, epsilon: 1e-5)
    for row in 0..<3 {
      let values = (0..<width).map { Double(x[row, $0]) }
      let mean = values.reduce(0, +) / Double(width)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      for column in 0..<width {
        let expected =
          (values[column] - mean) / (variance + 1e-5).squareRoot() * Double(weight[column]) + Double(bias[column])
        #expect(abs(Double(y[row, column]) - expected) < 2e-5)
      }
    }
  }

  @Test(arguments: [1, 2, 6])
  func groupNorm(groups: Int) {
    var numbers = TestNumbers(12)
    let x = numbers.tensor([2, 6, 3, 5], in: 2...4)
    let (weight, bias) = (numbers.tensor([6]), numbers.tensor([6]))
    let y = x.groupNorm(groups: groups, weight: weight, bias: bias, epsilon: 1e-6)
    let each = 6 / groups
    for sample in 0..<2 {
      for group in 0..<groups {
        var values: [Double] = []
        for channel in group * each..<(group + 1) * each {
          for a in 0..<3 { for b in 0..<5 { values.append(Double(x[sample, channel, a, b])) } }
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        for channel in group * each..<(group + 1) * each {
          let expected =
            (Double(x[sample, channel, 2, 4]) - mean) / (variance + 1e-6).squareRoot() * Double(weight[channel])
            + Double(bias[channel])
          #expect(abs(Double(y[sample, channel, 2, 4]) - expected) < 2e-5)
        }
      }
    }
    let activated = x.groupNorm(groups: groups, weight: weight, bias: bias, epsilon: 1e-6, silu: true)
    #expect(activated.isClose(to: y.silu(), absolute: 1e-6))
  }

  @Test func nearestUpsamplingFollowsTheIndexRule() {
    let x = Tensor((0..<6).map(Float.init), shape: [1, 2, 3])
    #expect(x.resizedNearest(height: 3, width: 5).values == [0, 0, 1, 1, 2, 0, 0, 1, 1, 2, 3, 3, 4, 4, 5])
    #expect(x.resizedNearest(height: 4, width: 6)[0, 3, 5] == 5)
  }

  /// The values that PyTorch's interpolate returns for 0…5 as [2, 3].
  @Test func resizingReturnsKnownNumbers() {
    let x = Tensor((0..<6).map(Float.init), shape: [2, 3])
    let bilinear = x.resized(height: 3, width: 6, method: .bilinear)
    #expect(
      bilinear.sliced(axis: 0, 0..<1).isClose(
        to: Tensor([0, 0.25, 0.75, 1.25, 1.75, 2], shape: [1, 6]), absolute: 1e-6))
    #expect(
      bilinear.sliced(axis: 0, 1..<2).isClose(
        to: Tensor([1.5, 1.75, 2.25, 2.75, 3.25, 3.5], shape: [1, 6]), absolute: 1e-6))
    // Keys' kernel with a = -0.75 at a quarter and three quarters between positions, borders repeated.
    let bicubic = Tensor([1, 5, 2, 7], shape: [1, 4]).resized(height: 1, width: 8, method: .bicubic)
    func kernel(_ x: Double) -> Double {
      let (a, d) = (-0.75, abs(x))
      if d <= 1 { return (a + 2) * d * d * d - (a + 3) * d * d + 1 }
      return d < 2 ? a * (d * d * d - 5 * d * d + 8 * d - 4) : 0
    }
    for position in 0..<8 {
      let centre = (Double(position) + 0.5) / 2 - 0.5
      var expected = 0.0
      for tap in Int(centre.rounded(.down)) - 1...Int(centre.rounded(.down)) + 2 {
        expected += kernel(centre - Double(tap)) * [1, 5, 2, 7][min(max(tap, 0), 3)]
      }
      #expect(abs(Double(bicubic[0, position]) - expected) < 1e-5)
    }
    #expect(
      Tensor(repeating: 3, shape: [4, 5]).resized(height: 9, width: 7, method: .bicubic).values.allSatisfy {
        abs($0 - 3) < 1e-5
      })
  }

  @Test func matrixProductsAreRightOnThisProcessor() throws { try Tensor.checkMatrixProducts() }
}
