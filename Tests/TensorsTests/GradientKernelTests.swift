import CKernels
import Foundation
import TestSupport
import Testing

/// Kernels of gradients, as this processor gets them, and their scalar twins, against double precision.
@Suite struct GradientKernelTests {
  private typealias Kernel = (
    UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64
  ) -> Void

  private static func phi(_ x: Double) -> Double { 0.5 * (1 + erf(x / 2.0.squareRoot())) }
  private static func geluGradient(_ x: Double) -> Double {
    phi(x) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
  }
  private static func swishGradient(_ x: Double, _ steepness: Double) -> Double {
    let s = 1 / (1 + exp(-steepness * x))
    return s * (1 + steepness * x * (1 - s))
  }

  @Test(arguments: [0, 1, 7, 16, 17, 33, 100])
  func activations(count: Int) {
    var numbers = TestNumbers(UInt64(count) + 1)
    let (input, gradient) = (numbers.tensor([count], in: -9...9).values, numbers.tensor([count]).values)
    let cases: [(String, Kernel, Kernel, (Double) -> Double)] = [
      ("silu", msd_silu_gradient, msd_silu_gradient_scalar, { Self.swishGradient($0, 1) }),
      ("quick gelu", msd_quick_gelu_gradient, msd_quick_gelu_gradient_scalar, { Self.swishGradient($0, 1.702) }),
      ("gelu", msd_gelu_gradient, msd_gelu_gradient_scalar, Self.geluGradient),
    ]
    for (name, kernel, twin, reference) in cases {
      for run in [kernel, twin] {
        var output = [Float](repeating: .nan, count: count)
        run(input, gradient, &output, Int64(count))
        for index in 0..<count {
          let expected = Double(gradient[index]) * reference(Double(input[index]))
          #expect(abs(Double(output[index]) - expected) < 3e-6, "\(name) at \(input[index])")
        }
      }
    }
  }

  @Test(arguments: [1, 11, 16, 35])
  func gatedRows(width: Int) {
    var numbers = TestNumbers(UInt64(width))
    let (input, gradient) = (numbers.tensor([3, 2 * width], in: -4...4).values, numbers.tensor([3, width]).values)
    for run in [msd_geglu_gradient, msd_geglu_gradient_scalar] {
      var output = [Float](repeating: .nan, count: 6 * width)
      run(input, gradient, &output, 3, Int64(width))
      for row in 0..<3 {
        for column in 0..<width {
          let (value, gate) = (Double(input[row * 2 * width + column]), Double(input[(row * 2 + 1) * width + column]))
          let given = Double(gradient[row * width + column])
          #expect(abs(Double(output[row * 2 * width + column]) - given * gate * Self.phi(gate)) < 1e-5)
          #expect(abs(Double(output[(row * 2 + 1) * width + column]) - given * value * Self.geluGradient(gate)) < 1e-5)
        }
      }
    }
  }

  @Test(arguments: [1, 3, 16, 77])
  func softmax(columns: Int) {
    var numbers = TestNumbers(UInt64(columns))
    let (weights, gradient) = (numbers.tensor([2, columns], in: 0...1).values, numbers.tensor([2, columns]).values)
    for run in [msd_softmax_gradient, msd_softmax_gradient_scalar] {
      var output = gradient
      run(weights, &output, 2, Int64(columns), 0.5)
      for row in 0..<2 {
        let positions = row * columns..<(row + 1) * columns
        let along = positions.reduce(0.0) { $0 + Double(weights[$1]) * Double(gradient[$1]) }
        for position in positions {
          let expected = 0.5 * Double(weights[position]) * (Double(gradient[position]) - along)
          #expect(abs(Double(output[position]) - expected) < 1e-5 * max(1, along.magnitude))
        }
      }
    }
  }

  /// The gradient of Σ gradient · y where y is the input, normed, scaled, shifted and, if requested, through SiLU.
  private struct NormReference {
    var input, weight, bias: [Double]

    init(_ x: [Float], _ gradient: [Float], weights: [Float], shifts: [Float], area: Int, epsilon: Double, silu: Bool) {
      let count = Double(x.count)
      let mean = x.reduce(0.0) { $0 + Double($1) } / count
      let variance = x.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
      let factor = 1 / (variance + epsilon).squareRoot()
      let normal = x.map { (Double($0) - mean) * factor }
      weight = [Double](repeating: 0, count: weights.count)
      bias = weight
      var given: [Double] = []
      for index in x.indices {
        let channel = index / area
        let before = normal[index] * Double(weights[channel]) + Double(shifts[channel])
        let each = Double(gradient[index]) * (silu ? GradientKernelTests.swishGradient(before, 1) : 1)
        weight[channel] += each * normal[index]
        bias[channel] += each
        given.append(each * Double(weights[channel]))
      }
      let shift = given.reduce(0, +) / count
      let tilt = zip(given, normal).reduce(0) { $0 + $1.0 * $1.1 } / count
      input = zip(given, normal).map { factor * ($0 - shift - $1 * tilt) }
    }
  }

  @Test(arguments: [1, 5, 16, 50])
  func layerNorm(columns: Int) {
    var numbers = TestNumbers(UInt64(columns))
    let (input, gradient) = (numbers.tensor([3, columns], in: 8...12).values, numbers.tensor([3, columns]).values)
    let weight = numbers.tensor([columns]).values
    for run in [msd_layer_norm_gradient, msd_layer_norm_gradient_scalar] {
      var (output, ofWeight) = ([Float](repeating: 0, count: 3 * columns), [Float](repeating: 0, count: columns))
      var ofBias = ofWeight
      run(input, gradient, &output, 3, Int64(columns), weight, &ofWeight, &ofBias, 1e-2)
      var sums = [Double](repeating: 0, count: columns)
      for row in 0..<3 {
        let positions = row * columns..<(row + 1) * columns
        let reference = NormReference(
          Array(input[positions]), Array(gradient[positions]), weights: weight, shifts: weight, area: 1, epsilon: 1e-2,
          silu: false)
        for column in 0..<columns {
          #expect(abs(Double(output[row * columns + column]) - reference.input[column]) < 1e-4)
          sums[column] += reference.weight[column]
        }
      }
      for column in 0..<columns {
        #expect(abs(Double(ofWeight[column]) - sums[column]) < 1e-4)
        let total = (0..<3).reduce(0.0) { $0 + Double(gradient[$1 * columns + column]) }
        #expect(abs(Double(ofBias[column]) - total) < 1e-5)
      }
    }
  }

  @Test(arguments: [1, 9, 16, 35], [false, true])
  func groupNorm(area: Int, silu: Bool) {
    var numbers = TestNumbers(UInt64(area))
    let (input, gradient) = (numbers.tensor([3, area], in: -2...3).values, numbers.tensor([3, area]).values)
    let (weight, bias) = (numbers.tensor([3]).values, numbers.tensor([3]).values)
    let mean = input.reduce(0.0) { $0 + Double($1) } / Double(input.count)
    let variance = input.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(input.count)
    let factor = Float(1 / (variance + 1e-5).squareRoot())
    let reference = NormReference(
      input, gradient, weights: weight, shifts: bias, area: area, epsilon: 1e-5, silu: silu)
    for run in [msd_group_norm_gradient, msd_group_norm_gradient_scalar] {
      var (output, ofWeight, ofBias) = (
        [Float](repeating: 0, count: 3 * area), [Float](repeating: 1, count: 3), [Float](repeating: 2, count: 3)
      )
      run(
        input, gradient, &output, 3, Int64(area), Float(mean), factor, weight, bias, silu ? 1 : 0, &ofWeight,
        &ofBias)
      for index in output.indices { #expect(abs(Double(output[index]) - reference.input[index]) < 1e-5) }
      for channel in 0..<3 {
        #expect(abs(Double(ofWeight[channel]) - 1 - reference.weight[channel]) < 1e-4)
        #expect(abs(Double(ofBias[channel]) - 2 - reference.bias[channel]) < 1e-4)
      }
    }
  }

  @Test(arguments: [0, 1, 17, 40])
  func sums(columns: Int) {
    var numbers = TestNumbers(UInt64(columns))
    let input = numbers.tensor([5, columns]).values
    for run in [msd_column_sums, msd_column_sums_scalar] {
      var sums = [Float](repeating: 3, count: columns)
      run(input, &sums, 5, Int64(columns))
      for column in 0..<columns {
        let expected = (0..<5).reduce(3.0) { $0 + Double(input[$1 * columns + column]) }
        #expect(abs(Double(sums[column]) - expected) < 1e-5)
      }
    }
    for run in [msd_add, msd_add_scalar] {
      var sum = input
      run(input, &sum, Int64(input.count))
      #expect(zip(sum, input).allSatisfy { $0 == 2 * $1 })
    }
  }
}
