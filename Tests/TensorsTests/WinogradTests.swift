import CKernels
import Tensors
import TestSupport
import Testing

/// Convolutions that are computed as F(2×2, 3×3), against sums of shifted 1×1 convolutions.
@Suite struct WinogradTests {
  /// Σ over the nine kernel positions of W[:, :, y, x] times the image moved by (1 - y, 1 - x).
  private func reference(_ image: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
    let (samples, channels, height, width) = (image.shape[0], image.shape[1], image.shape[2], image.shape[3])
    let outputs = weight.shape[0]
    let row = Tensor.zeros([samples, channels, 1, width])
    let column = Tensor.zeros([samples, channels, height + 2, 1])
    let padded = Tensor.concatenated([column, .concatenated([row, image, row], axis: 2), column], axis: 3)
    var sum = bias.reshaped([1, outputs, 1])
    for y in 0..<3 {
      for x in 0..<3 {
        let moved = padded.sliced(axis: 2, y..<y + height).sliced(axis: 3, x..<x + width)
        let kernel = weight.sliced(axis: 2, y..<y + 1).sliced(axis: 3, x..<x + 1).reshaped([outputs, channels])
        sum = sum + kernel.matmul(moved.reshaped([samples, channels, height * width]))
      }
    }
    return sum.reshaped([samples, outputs, height, width])
  }

  @Test(arguments: [
    // samples, channels, outputs, height, width: even and odd sides, few and many tiles per row, several chunks.
    [1, 16, 16, 8, 8], [3, 17, 20, 7, 9], [2, 16, 33, 5, 40], [1, 24, 16, 33, 3], [2, 64, 64, 48, 48],
    [5, 16, 16, 4, 4],
  ])
  func resultAndGradients(sizes: [Int]) {
    var numbers = TestNumbers(UInt64(sizes.reduce(0) { $0 * 7 + $1 }))
    let image = Tape.variable(numbers.tensor([sizes[0], sizes[1], sizes[3], sizes[4]], in: -1...1))
    let weight = Tape.variable(numbers.tensor([sizes[2], sizes[1], 3, 3], in: -1...1))
    let bias = Tape.variable(numbers.tensor([sizes[2]], in: -1...1))
    let found = image.conv2d(weight: weight, bias: bias, padding: 1)
    let expected = reference(image, weight, bias)
    #expect(found.detached.isClose(to: expected.detached, relative: 3e-6))
    let upstream = numbers.tensor(found.shape, in: -1...1)
    let gradients = [found, expected].map { Tape.gradients(of: ($0 * upstream).sum(), for: [image, weight, bias]) }
    for (one, other) in zip(gradients[0], gradients[1]) { #expect(one.isClose(to: other, relative: 3e-6)) }
  }

  @Test(.longNumeric) func kernelsInSeveralPanels() {
    var numbers = TestNumbers(5)
    let image = numbers.tensor([1, 1500, 8, 8], in: -1...1)
    let (weight, bias) = (numbers.tensor([300, 1500, 3, 3], in: -1...1), numbers.tensor([300]))
    let found = image.conv2d(weight: weight, bias: bias, padding: 1)
    #expect(found.isClose(to: reference(image, weight, bias), relative: 3e-6))
  }

  @Test func storedWeightsGiveTheSameBits() {
    var numbers = TestNumbers(6)
    let image = Tape.variable(numbers.tensor([2, 16, 10, 6], in: -1...1))
    let data = numbers.tensor([24, 16, 3, 3], in: -1...1).values.flatMap { value -> [UInt8] in
      let bits = Float16(value).bitPattern
      return [UInt8(bits & 0xff), UInt8(bits >> 8)]
    }
    let stored = StoredTensor(shape: [24, 16, 3, 3], elementType: .float16, data: data)
    let results = [Weight.tensor(stored.tensor), .stored(stored)].map {
      image.conv2d(weight: $0, bias: nil, padding: 1)
    }
    #expect(results[0].detached == results[1].detached)
    let gradients = results.map { Tape.gradients(of: $0.square().sum(), for: [image]) }
    #expect(gradients[0] == gradients[1])
  }

  /// Transformed kernels are kept with a weight, and forgotten when it changes.
  @Test func aChangedWeightIsTransformedAgain() {
    var numbers = TestNumbers(7)
    let image = Tape.variable(numbers.tensor([1, 16, 8, 8], in: -1...1))
    var weight = numbers.tensor([16, 16, 3, 3], in: -1...1)
    func resultAndGradient(_ weight: Tensor) -> [Tensor] {
      let found = image.conv2d(weight: weight, bias: nil, padding: 1)
      return [found.detached] + Tape.gradients(of: found.square().sum(), for: [image])
    }
    let first = resultAndGradient(weight)
    #expect(resultAndGradient(weight) == first)
    let before = weight
    weight.withUnsafeMutableBuffer { for index in $0.indices { $0[index] *= 2 } }
    let second = resultAndGradient(weight)
    #expect(second[0].isClose(to: first[0] * 2, relative: 1e-6) && second[1].isClose(to: first[1] * 4, relative: 1e-6))
    weight[3, 2, 1, 0] += 1
    #expect(resultAndGradient(weight)[0] == resultAndGradient(Tensor(weight.values, shape: weight.shape))[0])
    #expect(resultAndGradient(before) == first)
  }

  @Test func aTrainedWeightHasAGradient() {
    let weight = Tape.variable(.ones([16, 16, 3, 3]))
    let y = Tensor.ones([1, 16, 8, 8]).conv2d(weight: .tensor(weight), bias: nil, padding: 1)
    #expect(Tape.gradients(of: y.sum(), for: [weight])[0][0, 0, 1, 1] == 64)
  }

  /// The transforms as this processor gets them, and their scalar twins.
  @Test(arguments: [(4, 4), (7, 5), (2, 35), (9, 64)])
  func transformsEqualTheirScalarTwins(height: Int, width: Int) {
    var numbers = TestNumbers(UInt64(height * width))
    let (rows, tiles) = ((height + 1) / 2, (width + 1) / 2)
    let image = numbers.tensor([height, width], in: -1...1).values
    let stride = rows * tiles + 3
    var scratch = [Float](repeating: .nan, count: 4 * (rows + 1) * (tiles + 1))
    let size = (Int64(height), Int64(width))
    func isClose(_ a: [Float], _ b: [Float]) -> Bool {
      zip(a, b).allSatisfy { ($0.isNaN && $1.isNaN) || abs($0 - $1) < 1e-5 }
    }
    for (kernel, twin) in [
      (msd_winograd_input, msd_winograd_input_scalar),
      (msd_winograd_output_gradient, msd_winograd_output_gradient_scalar),
    ] {
      let results = [kernel, twin].map { run in
        var out = [Float](repeating: .nan, count: 16 * stride)
        run(image, size.0, size.1, 0, Int64(rows), &out, Int64(stride), &scratch)
        return out
      }
      #expect(isClose(results[0], results[1]))
      #expect(results[0].filter { !$0.isNaN }.count == 16 * rows * tiles)
    }
    let products = numbers.tensor([16 * stride], in: -1...1).values
    let outputs = [msd_winograd_output, msd_winograd_output_scalar].map { run in
      var out = [Float](repeating: .nan, count: height * width)
      run(products, Int64(stride), size.0, size.1, 0, Int64(rows), 0.5, &out, &scratch)
      return out
    }
    #expect(isClose(outputs[0], outputs[1]) && outputs[0].allSatisfy { !$0.isNaN })
    let weights = numbers.tensor([rows * tiles * 9], in: -1...1).values
    for turned in [Int32(0), 1] {
      let kernels = [msd_winograd_weights, msd_winograd_weights_scalar].map { run in
        var out = [Float](repeating: .nan, count: 16 * stride)
        run(weights, Int64(rows), Int64(tiles), Int64(9 * tiles), 9, turned, &out, Int64(stride))
        return out
      }
      #expect(isClose(kernels[0], kernels[1]))
    }
    let gradients = [msd_winograd_weight_gradient, msd_winograd_weight_gradient_scalar].map { run in
      var out = [Float](repeating: .nan, count: 9 * rows * tiles)
      run(products, Int64(stride), Int64(rows * tiles), &out)
      return out
    }
    #expect(isClose(gradients[0], gradients[1]) && gradients[0].allSatisfy { !$0.isNaN })
  }
}
