import Foundation
import Tensors
import TestSupport
import Testing

/// Gradients of the operations of layers: norms, convolution, attention.
@Suite struct LayerGradientTests: GradientChecking {
  @Test func norms() {
    let x = Self.random(14, [2, 4, 3, 5], in: -2...3)
    let (weight, bias) = (Self.random(15, [4]), Self.random(16, [4]))
    let epsilon: Float = 1e-3
    let along = [1, 4, 1, 1]
    func group(_ twins: [Twin], _ groups: Int) -> Twin {
      twins[0].groupNorm(groups, Double(epsilon)) * Twin(along, twins[1].values) + Twin(along, twins[2].values)
    }
    check("groupNorm", [x, weight, bias]) {
      $0[0].groupNorm(groups: 2, weight: $0[1], bias: $0[2], epsilon: epsilon)
    } twin: {
      group($0, 2)
    }
    check("groupNorm, silu", [x, weight, bias]) {
      $0[0].groupNorm(groups: 4, weight: $0[1], bias: $0[2], epsilon: epsilon, silu: true)
    } twin: {
      group($0, 4).map { Twin.silu($0) }
    }
    check("groupNorm, plain", [x]) {
      $0[0].groupNorm(groups: 1, weight: nil, bias: nil, epsilon: epsilon)
    } twin: {
      $0[0].groupNorm(1, Double(epsilon))
    }
    check("groupNorm, weight alone", [x, weight]) {
      $0[0].groupNorm(groups: 2, weight: $0[1], bias: nil, epsilon: epsilon)
    } twin: {
      $0[0].groupNorm(2, Double(epsilon)) * Twin(along, $0[1].values)
    }
    for (rows, columns) in [([3], 4), ([2, 3], 21)] {
      let x = Self.random(17, rows + [columns], in: -2...3)
      let (weight, bias) = (Self.random(15, [columns]), Self.random(16, [columns]))
      check("layerNorm", [x, weight, bias]) {
        $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: epsilon)
      } twin: {
        $0[0].normalised([rows.count], Double(epsilon)) * $0[1] + $0[2]
      }
      check("layerNorm, bias alone", [x, bias]) {
        $0[0].layerNorm(weight: nil, bias: $0[1], epsilon: epsilon)
      } twin: {
        $0[0].normalised([rows.count], Double(epsilon)) + $0[1]
      }
      check("layerNorm, plain", [x]) {
        $0[0].layerNorm(weight: nil, bias: nil, epsilon: epsilon)
      } twin: {
        $0[0].normalised([rows.count], Double(epsilon))
      }
    }
  }

  @Test(arguments: [(3, 1, 1), (3, 2, 1), (1, 1, 0), (2, 2, 0), (3, 1, 0), (1, 2, 0)])
  func convolutions(kernel: Int, stride: Int, padding: Int) {
    let x = Self.random(14, [2, 4, 3, 5])
    let (weight, bias) = (Self.random(18, [3, 4, kernel, kernel]), Self.random(19, [3]))
    check("conv2d", [x, weight, bias]) {
      $0[0].conv2d(weight: $0[1], bias: $0[2], stride: stride, padding: padding)
    } twin: {
      $0[0].conv2d($0[1], $0[2], stride: stride, padding: padding)
    }
    check("conv2d without bias", [x, weight]) {
      $0[0].conv2d(weight: $0[1], bias: nil, stride: stride, padding: padding)
    } twin: {
      $0[0].conv2d($0[1], nil, stride: stride, padding: padding)
    }
  }

  @Test func attentionAndItsProbabilities() {
    let (query, key) = (Self.random(20, [2, 3, 4], in: -2...2), Self.random(21, [2, 5, 4], in: -2...2))
    let value = Self.random(22, [2, 5, 6])
    var closed = Self.random(23, [2, 2, 3, 5])
    // One key that no query sees, and one query that sees no key.
    for head in 0..<2 {
      for row in 0..<3 { closed[0, head, row, 1] = -.infinity }
      for column in 0..<5 { closed[1, head, 2, column] = -.infinity }
    }
    for bias in [nil, Self.random(23, [1, 1, 3, 5]), Self.random(24, [2, 1, 1, 5]), closed] {
      let twin = bias.map { Twin($0) }
      check("attention", [query, key, value]) {
        attention(query: $0[0], key: $0[1], value: $0[2], heads: 2, bias: bias)
      } twin: {
        .attention($0[0], $0[1], $0[2], heads: 2, bias: twin)
      }
      check("observed attention", [query, key, value]) {
        attention(query: $0[0], key: $0[1], value: $0[2], heads: 2, bias: bias) { _ in nil }
      } twin: {
        .attention($0[0], $0[1], $0[2], heads: 2, bias: twin)
      }
      check("probabilities", [query, key]) {
        attentionProbabilities(query: $0[0], key: $0[1], heads: 2, bias: bias)
      } twin: {
        .probabilities($0[0], $0[1], heads: 2, bias: twin)
      }
    }
    check("causal attention", [query, key, value]) {
      attention(query: $0[0], key: $0[1], value: $0[2], heads: 1, causal: true)
    } twin: {
      .attention($0[0], $0[1], $0[2], heads: 1, causal: true)
    }
    check("causal probabilities", [query, key]) {
      attentionProbabilities(query: $0[0], key: $0[1], heads: 2, causal: true)
    } twin: {
      .probabilities($0[0], $0[1], heads: 2, causal: true)
    }
  }
}
