import Foundation
import Tensors
import TestSupport

/// A tensor in double precision whose operations follow their definitions, value by value. Tests compare the package's
/// operations and gradients with it.
struct Twin {
  let shape: [Int]
  let values: [Double]

  init(_ tensor: Tensor) { (shape, values) = (tensor.shape, doubles(tensor)) }

  init(_ shape: [Int], _ values: [Double]) { (self.shape, self.values) = (shape, values) }

  /// Each value made from its index.
  init(_ shape: [Int], _ value: ([Int]) -> Double) {
    var index = [Int](repeating: 0, count: shape.count)
    values = (0..<shape.reduce(1, *)).map { _ in
      defer {
        for axis in shape.indices.reversed() {
          index[axis] += 1
          if index[axis] < shape[axis] { break }
          index[axis] = 0
        }
      }
      return value(index)
    }
    self.shape = shape
  }

  /// The value at an index; missing leading axes and axes of length 1 are repeated.
  subscript(_ index: [Int]) -> Double {
    let own = index.suffix(shape.count)
    return values[zip(own, shape).reduce(0) { $0 * $1.1 + ($1.1 == 1 ? 0 : $1.0) }]
  }

  // MARK: Elementwise

  func map(_ operation: (Double) -> Double) -> Twin { Twin(shape, values.map(operation)) }

  static func pairs(_ a: Twin, _ b: Twin, _ operation: (Double, Double) -> Double) -> Twin {
    Twin(broadcast(a.shape, b.shape)) { operation(a[$0], b[$0]) }
  }

  /// The shape that two shapes are repeated to.
  private static func broadcast(_ a: [Int], _ b: [Int]) -> [Int] {
    let rank = max(a.count, b.count)
    let left = [Int](repeating: 1, count: rank - a.count) + a
    let right = [Int](repeating: 1, count: rank - b.count) + b
    return zip(left, right).map { max($0, $1) }
  }

  static func + (a: Twin, b: Twin) -> Twin { pairs(a, b, +) }
  static func - (a: Twin, b: Twin) -> Twin { pairs(a, b, -) }
  static func * (a: Twin, b: Twin) -> Twin { pairs(a, b, *) }
  static func / (a: Twin, b: Twin) -> Twin { pairs(a, b, /) }

  static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }
  static func silu(_ x: Double) -> Double { x / (1 + Foundation.exp(-x)) }

  // MARK: Shapes

  func permuted(_ axes: [Int]) -> Twin {
    Twin(axes.map { shape[$0] }) { index in
      var own = index
      for (position, axis) in axes.enumerated() { own[axis] = index[position] }
      return self[own]
    }
  }

  /// One axis at the given positions.
  func gathered(_ axis: Int, _ positions: [Int]) -> Twin {
    var result = shape
    result[axis] = positions.count
    return Twin(result) { index in
      var own = index
      own[axis] = positions[index[axis]]
      return self[own]
    }
  }

  static func concatenated(_ twins: [Twin], _ axis: Int) -> Twin {
    var shape = twins[0].shape
    shape[axis] = twins.reduce(0) { $0 + $1.shape[axis] }
    return Twin(shape) { index in
      var own = index
      for twin in twins {
        if own[axis] < twin.shape[axis] { return twin[own] }
        own[axis] -= twin.shape[axis]
      }
      return .nan
    }
  }

  /// Resizes the last two axes; each position a weighted sum of old ones.
  func resampled(_ rowTaps: [[(Int, Double)]], _ columnTaps: [[(Int, Double)]]) -> Twin {
    Twin(shape.dropLast(2) + [rowTaps.count, columnTaps.count]) { index in
      var sum = 0.0
      for (y, vertical) in rowTaps[index[index.count - 2]] {
        for (x, horizontal) in columnTaps[index[index.count - 1]] {
          sum += vertical * horizontal * self[Array(index.dropLast(2)) + [y, x]]
        }
      }
      return sum
    }
  }

  // MARK: Reductions and products

  func sum(_ axes: [Int], keepingAxes: Bool = false) -> Twin {
    let kept = Twin(shape.indices.map { axes.contains($0) ? 1 : shape[$0] }) { index in
      func rest(_ axes: ArraySlice<Int>, _ index: [Int]) -> Double {
        guard let axis = axes.first else { return self[index] }
        var own = index
        return (0..<shape[axis]).reduce(0) { sum, position in
          own[axis] = position
          return sum + rest(axes.dropFirst(), own)
        }
      }
      return rest(axes[...], index)
    }
    return keepingAxes ? kept : Twin(shape.indices.filter { !axes.contains($0) }.map { shape[$0] }, kept.values)
  }

  func mean(_ axes: [Int], keepingAxes: Bool = false) -> Twin {
    let count = Double(axes.reduce(1) { $0 * shape[$1] })
    return sum(axes, keepingAxes: keepingAxes).map { $0 / count }
  }

  func softmax() -> Twin {
    let largest = values.filter(\.isFinite).max() ?? 0
    let powers = map { Foundation.exp($0 - largest) }
    let sums = powers.sum([shape.count - 1], keepingAxes: true)
    return Twin.pairs(powers, sums) { $1 == 0 ? 0 : $0 / $1 }
  }

  func matmul(_ other: Twin) -> Twin {
    let leading = Self.broadcast(shape.dropLast(2), other.shape.dropLast(2))
    return Twin(leading + [shape[shape.count - 2], other.shape[other.shape.count - 1]]) { index in
      (0..<shape[shape.count - 1]).reduce(0) { sum, inner in
        let row = Array(index.dropLast()) + [inner]
        let column = Array(index.dropLast(2)) + [inner, index[index.count - 1]]
        return sum + self[row] * other[column]
      }
    }
  }

  func linear(_ weight: Twin, _ bias: Twin?) -> Twin {
    let product = shape.count == 1 ? self : self.matmul(weight.permuted([1, 0]))
    return bias.map { product + $0 } ?? product
  }

  /// Mean 0 and variance 1 over axes.
  func normalised(_ axes: [Int], _ epsilon: Double) -> Twin {
    let centred = self - mean(axes, keepingAxes: true)
    let variance = (centred * centred).mean(axes, keepingAxes: true)
    return centred / variance.map { ($0 + epsilon).squareRoot() }
  }

  func groupNorm(_ groups: Int, _ epsilon: Double) -> Twin {
    let apart = Twin([shape[0], groups, shape[1] / groups] + shape.dropFirst(2), values)
    return Twin(shape, apart.normalised(Array(2..<apart.shape.count), epsilon).values)
  }

  func conv2d(_ weight: Twin, _ bias: Twin?, stride: Int, padding: Int) -> Twin {
    let height = (shape[2] + 2 * padding - weight.shape[2]) / stride + 1
    let width = (shape[3] + 2 * padding - weight.shape[3]) / stride + 1
    return Twin([shape[0], weight.shape[0], height, width]) { index in
      var sum = bias?[[index[1]]] ?? 0
      for channel in 0..<shape[1] {
        for ky in 0..<weight.shape[2] {
          for kx in 0..<weight.shape[3] {
            let (y, x) = (index[2] * stride + ky - padding, index[3] * stride + kx - padding)
            guard y >= 0, y < shape[2], x >= 0, x < shape[3] else { continue }
            sum += self[[index[0], channel, y, x]] * weight[[index[1], channel, ky, kx]]
          }
        }
      }
      return sum
    }
  }

  // MARK: Attention

  /// [B, N, heads·D] to [B, heads, N, D].
  private func heads(_ heads: Int) -> Twin {
    Twin([shape[0], shape[1], heads, shape[2] / heads], values).permuted([0, 2, 1, 3])
  }

  static func probabilities(_ query: Twin, _ key: Twin, heads: Int, bias: Twin? = nil, causal: Bool = false) -> Twin {
    let (q, k) = (query.heads(heads), key.heads(heads))
    var scores = q.matmul(k.permuted([0, 1, 3, 2])).map { $0 / Double(q.shape[3]).squareRoot() }
    if let bias { scores = scores + bias }
    if causal { scores = Twin(scores.shape) { $0[3] > $0[2] ? -.infinity : scores[$0] } }
    return scores.softmax()
  }

  static func attention(
    _ query: Twin, _ key: Twin, _ value: Twin, heads: Int, bias: Twin? = nil, causal: Bool = false
  ) -> Twin {
    let result = probabilities(query, key, heads: heads, bias: bias, causal: causal).matmul(value.heads(heads))
    return Twin([query.shape[0], query.shape[1], value.shape[2]], result.permuted([0, 2, 1, 3]).values)
  }
}
