import CKernels
import Foundation
import TestSupport
import Testing

/// Every kernel as it is picked here, and its plain twin, against double precision.
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
}
