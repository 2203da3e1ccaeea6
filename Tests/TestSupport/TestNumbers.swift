import Foundation
import Tensors

/// Random numbers for tests, from a simple generator (xorshift), so that no test depends on the package's generators.
package struct TestNumbers {
  private var state: UInt64

  package init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  /// A number from 0 to just below 1.
  package mutating func next() -> Float {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(state >> 40) / Float(1 << 24)
  }

  /// Uniform values in a range.
  package mutating func tensor(_ shape: [Int], in range: ClosedRange<Float> = 0...1) -> Tensor {
    let values = (0..<shape.reduce(1, *)).map { _ in
      range.lowerBound + next() * (range.upperBound - range.lowerBound)
    }
    return Tensor(values, shape: shape)
  }

  /// Rows that sum to one along the last axis.
  package mutating func probabilities(_ shape: [Int]) -> Tensor {
    var values = tensor(shape, in: 0.01...1).values
    let length = shape[shape.count - 1]
    for row in stride(from: 0, to: values.count, by: length) {
      let sum = values[row..<row + length].reduce(0, +)
      for i in row..<row + length { values[i] /= sum }
    }
    return Tensor(values, shape: shape)
  }
}

/// A tensor's values in double precision.
package func doubles(_ tensor: Tensor) -> [Double] { tensor.values.map(Double.init) }

/// The greatest difference, divided by the greatest magnitude of the reference; infinite if the counts differ.
package func relativeError(_ tensor: Tensor, _ reference: [Double]) -> Double {
  guard tensor.count == reference.count else { return .infinity }
  let scale = reference.map(abs).max() ?? 0
  let worst = zip(tensor.values, reference).map { abs(Double($0) - $1) }.max() ?? 0
  return worst.isNaN ? .infinity : worst / max(scale, 1e-30)
}

/// A tensor from a picture's rows: `#` is 1, any other character is 0.
func mask(_ rows: String...) -> Tensor {
  Tensor(rows.joined().map { $0 == "#" ? 1 : 0 }, shape: [rows.count, rows[0].count])
}
