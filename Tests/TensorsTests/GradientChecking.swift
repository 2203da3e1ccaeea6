import Tensors
import TestSupport
import Testing

/// Compares an operation with its double-precision twin.
protocol GradientChecking {}

extension GradientChecking {
  static func random(_ seed: UInt64, _ shape: [Int], in range: ClosedRange<Float> = -1...1) -> Tensor {
    var numbers = TestNumbers(seed)
    return numbers.tensor(shape, in: range)
  }

  /// Compares the result, and the gradient of a weighted sum of it at every position of every input.
  func check(
    _ name: String, _ inputs: [Tensor], _ operation: ([Tensor]) -> Tensor, twin: ([Twin]) -> Twin
  ) {
    let twins = inputs.map { Twin($0) }
    let (result, expected) = (operation(inputs), twin(twins))
    #expect(result.shape == expected.shape && relativeError(result, expected.values) < 1e-5, "\(name)")
    let weights = Self.random(77, result.shape)
    let variables = inputs.map { Tape.variable($0) }
    let gradients = Tape.gradients(of: (operation(variables) * weights).sum(), for: variables)
    for (index, input) in inputs.enumerated() {
      let differences = (0..<input.count).map { position -> Double in
        func moved(_ by: Double) -> Double {
          var values = twins[index].values
          values[position] += by
          var changed = twins
          changed[index] = Twin(input.shape, values)
          return zip(twin(changed).values, weights.values).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        return (moved(1e-5) - moved(-1e-5)) / 2e-5
      }
      #expect(gradients[index].shape == input.shape)
      #expect(relativeError(gradients[index], differences) < 3e-5, "\(name), gradient of input \(index)")
      // The gradient is the same if the other inputs are not recorded.
      var mixed = inputs
      mixed[index] = variables[index]
      let alone = Tape.gradients(of: (operation(mixed) * weights).sum(), for: [variables[index]])[0]
      #expect(alone == gradients[index], "\(name), input \(index) alone")
    }
  }

  /// Compares an operation on single values with its twin.
  func check(
    _ name: String, _ input: Tensor, _ operation: (Tensor) -> Tensor, twin: @escaping (Double) -> Double
  ) {
    check(name, [input]) {
      operation($0[0])
    } twin: {
      $0[0].map(twin)
    }
  }
}
