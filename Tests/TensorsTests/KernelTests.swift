import CKernels
import Foundation
import TestSupport
import Testing

/// Every kernel, as this processor gets it, and its scalar twin, against double precision.
@Suite struct KernelTests {
  private typealias Elementwise = (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void

  @Test(arguments: [0, 1, 7, 8, 15, 16, 17, 31, 33, 100])
  func activations(count: Int) {
    var numbers = TestNumbers(UInt64(count) + 1)
    let input = numbers.tensor([count], in: -12...12).values
    let cases: [(String, Elementwise, Elementwise, (Double) -> Double)] = [
      ("silu", msd_silu, msd_silu_scalar, { $0 / (1 + exp(-$0)) }),
      ("gelu", msd_gelu, msd_gelu_scalar, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
      ("quick gelu", msd_quick_gelu, msd_quick_gelu_scalar, { $0 / (1 + exp(-1.702 * $0)) }),
    ]
    for (name, kernel, twin, reference) in cases {
      for run in [kernel, twin] {
        var output = [Float](repeating: .nan, count: count)
        run(input, &output, Int64(count))
        for (x, y) in zip(input, output) { #expect(abs(Double(y) - reference(Double(x))) < 2e-6, "\(name) of \(x)") }
      }
    }
  }

  @Test(arguments: [1, 3, 16, 17, 77, 130])
  func softmax(columns: Int) {
    var numbers = TestNumbers(UInt64(columns))
    let input = numbers.tensor([3, columns], in: -40...40).values
    for run in [msd_softmax, msd_softmax_scalar] {
      var output = input
      run(&output, 3, Int64(columns))
      for row in 0..<3 {
        let values = input[row * columns..<(row + 1) * columns].map(Double.init)
        let top = values.max() ?? 0
        let sum = values.reduce(0) { $0 + exp($1 - top) }
        for (column, value) in values.enumerated() {
          #expect(abs(Double(output[row * columns + column]) - exp(value - top) / sum) < 1e-6)
        }
      }
      var closed = [Float](repeating: -.infinity, count: columns)
      run(&closed, 1, Int64(columns))
      #expect(closed.allSatisfy { $0 == 0 })
    }
  }

  /// Columns in blocks give the same softmax as all at once.
  @Test(arguments: [[1], [16, 3], [40, 64, 5], [33, 1, 1]])
  func onlineSoftmax(blocks: [Int]) {
    let columns = blocks.reduce(0, +)
    var numbers = TestNumbers(UInt64(columns))
    var input = numbers.tensor([3, columns], in: -30...30).values
    for column in 0..<blocks[0] { input[columns + column] = -.infinity }
    for column in 0..<columns { input[2 * columns + column] = -.infinity }
    var expected = input
    msd_softmax_scalar(&expected, 3, Int64(columns))
    for run in [msd_online_softmax, msd_online_softmax_scalar] {
      var (maxima, sums) = ([Float](repeating: -.infinity, count: 3), [Float](repeating: 0, count: 3))
      var factors = [Float](repeating: .nan, count: 3)
      var found = [[Float]](repeating: [], count: 3)
      var first = 0
      for block in blocks {
        var part = (0..<3).flatMap { input[$0 * columns + first..<$0 * columns + first + block] }
        run(&part, 3, Int64(block), &maxima, &sums, &factors)
        for row in 0..<3 {
          found[row] = found[row].map { $0 * factors[row] } + part[row * block..<(row + 1) * block]
        }
        first += block
      }
      for row in 0..<3 {
        let whole = found[row].map { sums[row] > 0 ? $0 / sums[row] : $0 }
        #expect(zip(whole, expected[row * columns..<(row + 1) * columns]).allSatisfy { abs($0 - $1) < 1e-6 })
      }
    }
  }

  @Test(arguments: [(3, 1, 1), (3, 2, 1), (1, 2, 0), (5, 1, 2), (2, 3, 0), (3, 1, 3)])
  func columnsOfAConvolution(kernel: Int, stride: Int, padding: Int) {
    var numbers = TestNumbers(UInt64(kernel * 10 + stride))
    let (height, width) = (6, 23)
    let image = numbers.tensor([height, width]).values
    let (rows, outputs) = ((height + 2 * padding - kernel) / stride + 1, (width + 2 * padding - kernel) / stride + 1)
    let window = msd_window(
      height: Int64(height), width: Int64(width), kernel_height: Int64(kernel), kernel_width: Int64(kernel),
      stride: Int64(stride), padding: Int64(padding), first_row: 1, rows: Int64(rows - 1), outputs: Int64(outputs))
    let distance = (rows - 1) * outputs + 2
    for run in [msd_lay_out, msd_lay_out_scalar] {
      var columns = [Float](repeating: .nan, count: kernel * kernel * distance)
      run(image, window, &columns, Int64(distance))
      for position in 0..<kernel * kernel {
        for row in 0..<rows - 1 {
          for output in 0..<outputs {
            let y = (row + 1) * stride + position / kernel - padding
            let x = output * stride + position % kernel - padding
            let expected = (0..<height).contains(y) && (0..<width).contains(x) ? image[y * width + x] : 0
            #expect(columns[position * distance + row * outputs + output] == expected)
          }
        }
        #expect(columns[position * distance + distance - 1].isNaN)
      }
    }
  }

  @Test func rowsAreScaled() {
    for run in [msd_scale_rows, msd_scale_rows_scalar] {
      var values: [Float] = [1, 2, 3, 9, 4, 5, 6, 9]
      run(&values, 2, 3, 4, [2, 10])
      #expect(values == [2, 4, 6, 9, 40, 50, 60, 9])
    }
  }

  @Test(arguments: [1, 16, 50])
  func affineWithSiLU(count: Int) {
    var numbers = TestNumbers(UInt64(count))
    let input = numbers.tensor([count], in: -4...4).values
    for run in [msd_affine_silu, msd_affine_silu_scalar] {
      var output = [Float](repeating: .nan, count: count)
      run(input, &output, Int64(count), 1.5, -0.25)
      for (x, y) in zip(input, output) {
        let z = Double(x) * 1.5 - 0.25
        #expect(abs(Double(y) - z / (1 + exp(-z))) < 2e-6)
      }
    }
  }

  /// The vector loops also run in place; far values end at 0 and at x, and NaN stays NaN.
  @Test func activationsInPlaceAndAtTheEnds() {
    for run in [msd_silu, msd_silu_scalar] {
      var values: [Float] = [-1e30, -200, -50, 0, 50, 200, 1e30, .nan, .infinity] + [Float](repeating: 1, count: 30)
      values.withUnsafeMutableBufferPointer { run($0.baseAddress, $0.baseAddress, Int64($0.count)) }
      #expect(
        abs(values[1]) < 1e-30 && abs(values[2]) < 1e-15 && values[3] == 0 && values[4] == 50 && values[6] == 1e30)
      #expect(values[7].isNaN && values[8] == .infinity && abs(values[20] - 0.731_058_6) < 1e-6)
    }
  }

  @Test func everyHalfNumber() {
    let input = (0...UInt16.max).map { $0 }
    for run in [msd_from_half, msd_from_half_scalar] {
      var output = [Float](repeating: 0, count: input.count)
      run(input, &output, Int64(input.count))
      let wrong = zip(input, output).filter { bits, value in
        let expected = Float(Float16(bitPattern: bits))
        return expected.isNaN ? !value.isNaN : expected.bitPattern != value.bitPattern
      }
      #expect(wrong.isEmpty)
    }
    for run in [msd_from_bfloat16, msd_from_bfloat16_scalar] {
      var output = [Float](repeating: 0, count: input.count)
      run(input, &output, Int64(input.count))
      #expect(zip(input, output).allSatisfy { UInt32($0) << 16 == $1.bitPattern })
    }
  }

  @Test(arguments: [1, 5, 16, 50])
  func normsAndSums(columns: Int) {
    var numbers = TestNumbers(UInt64(columns))
    let input = numbers.tensor([2, columns], in: 90...110).values
    let (weight, bias) = (numbers.tensor([columns]).values, numbers.tensor([columns]).values)
    for run in [msd_layer_norm, msd_layer_norm_scalar] {
      var output = [Float](repeating: 0, count: input.count)
      run(input, &output, 2, Int64(columns), weight, bias, 1e-5)
      for row in 0..<2 {
        let values = input[row * columns..<(row + 1) * columns].map(Double.init)
        let mean = values.reduce(0, +) / Double(columns)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
        for (column, value) in values.enumerated() {
          let expected = (value - mean) / (variance + 1e-5).squareRoot() * Double(weight[column]) + Double(bias[column])
          #expect(abs(Double(output[row * columns + column]) - expected) < 2e-4)
        }
      }
    }
    for run in [msd_sum, msd_sum_scalar] {
      var sum = 0.0
      run(input, Int64(input.count), &sum)
      #expect(abs(sum - input.reduce(0.0) { $0 + Double($1) }) < 1e-9 * sum)
    }
  }

  @Test func gatedRows() {
    var numbers = TestNumbers(9)
    let input = numbers.tensor([3, 22], in: -4...4).values
    for run in [msd_geglu, msd_geglu_scalar] {
      var output = [Float](repeating: 0, count: 33)
      run(input, &output, 3, 11)
      for row in 0..<3 {
        for column in 0..<11 {
          let (value, gate) = (Double(input[row * 22 + column]), Double(input[row * 22 + 11 + column]))
          #expect(
            abs(Double(output[row * 11 + column]) - value * 0.5 * gate * (1 + erf(gate / 2.0.squareRoot()))) < 1e-5)
        }
      }
    }
  }

  /// One formula in one order: every version returns the same bits.
  @Test(arguments: [0, 1, 7, 16, 33, 100])
  func optimisers(count: Int) {
    var numbers = TestNumbers(UInt64(count) + 5)
    let start = [numbers.tensor([count], in: -2...2), numbers.tensor([count], in: -1...1), numbers.tensor([count])]
    let gradient = numbers.tensor([count], in: -3...3).values
    let step = msd_adamw_step(
      gradient_scale: 0.7, kept: 0.999, first_added: 0.1, second_kept: 0.99, second_added: 0.01,
      second_correction: 0.2, rate: 0.03, epsilon: 1e-8)
    var (results, averages): ([[[Float]]], [[Float]]) = ([], [])
    for (adamw, approach) in [(msd_adamw, msd_approach), (msd_adamw_scalar, msd_approach_scalar)] {
      var (weight, first, second) = (start[0].values, start[1].values, start[2].values)
      adamw(&weight, gradient, &first, &second, Int64(count), step)
      results.append([weight, first, second])
      for fraction: Float in [0.25, 0.75] {
        var average = start[0].values
        approach(&average, gradient, Int64(count), fraction)
        averages.append(average)
        for (index, value) in average.enumerated() {
          let from = Double(start[0].values[index])
          #expect(abs(Double(value) - (from + Double(fraction) * (Double(gradient[index]) - from))) < 1e-6)
        }
      }
    }
    #expect(results[0] == results[1])
    #expect(averages[0] == averages[2] && averages[1] == averages[3])
    for index in 0..<count {
      let scaled = Double(gradient[index]) * 0.7
      let first = 0.9 * Double(start[1].values[index]) + 0.1 * scaled
      let second = 0.99 * Double(start[2].values[index]) + 0.01 * scaled * scaled
      let weight = Double(start[0].values[index]) * 0.999 - 0.03 * first / (second.squareRoot() / 0.2 + 1e-8)
      for (found, expected) in zip(results[0].map { Double($0[index]) }, [weight, first, second]) {
        #expect(abs(found - expected) < 2e-6 * max(1, abs(expected)))
      }
    }
  }
}
