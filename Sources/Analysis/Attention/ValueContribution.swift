import Tensors

/// How much attention *contributes* to a position, not only where it goes: ‖A·V‖ instead of A.
///
/// A probability means little if a token's value is near zero, or if a mask forces probabilities to sum to one inside
/// a box. The norm of the vector that is added to a position has neither problem (Kobayashi et al. 2020).
///
/// Axes: B batch, H heads, Q queries, K keys, E value width per head, C output width, G groups. Heads are side by side
/// in the value's last axis. With an output weight `[C, H·E]`, each head's vector is multiplied by this head's columns
/// of the weight, and the products are summed before the norm. Without an output weight the heads' vectors stay side by
/// side, so that their squared norms add.
///
/// Both functions stop the program if shapes do not match.
public enum ValueContribution {
  /// ‖Σ_h W_h A_h[q, k] V_h[k]‖ for every pair of query and key: [B, Q, K].
  ///
  /// - Parameters:
  ///   - probabilities: [B, H, Q, K].
  ///   - values: [B, K, H·E].
  ///   - outputWeight: [C, H·E] of the layer's output projection; nil: the norm is taken before the projection.
  public static func perKey(probabilities: Tensor, values: Tensor, outputWeight: Tensor? = nil) -> Tensor {
    let sizes = Sizes(probabilities, values, outputWeight)
    let (heads, queries, keys) = (sizes.heads, sizes.queries, sizes.keys)
    return Tensor(shape: [sizes.batch, queries, keys]) { output in
      probabilities.withUnsafeBuffer { probability in
        for row in 0..<sizes.batch {
          for key in 0..<keys {
            let products = sizes.headProducts(values, outputWeight, row: row, key: key)
            for query in 0..<queries {
              var squared = 0.0
              for a in 0..<heads {
                let first = Double(probability[((row * heads + a) * queries + query) * keys + key])
                for b in 0..<heads where products[a * heads + b] != 0 {
                  let second = Double(probability[((row * heads + b) * queries + query) * keys + key])
                  squared += first * second * products[a * heads + b]
                }
              }
              output[(row * queries + query) * keys + key] = Float(max(0, squared).squareRoot())
            }
          }
        }
      }
    }
  }

  /// ‖Σ_{k in group} Σ_h W_h A_h[q, k] V_h[k]‖ for every query and token group: [B, Q, G].
  ///
  /// The vectors of a group (a phrase's tokens, a subject's image tokens) are summed before the norm is taken, so
  /// that tokens which cancel each other contribute nothing.
  ///
  /// - Parameters:
  ///   - probabilities: [B, H, Q, K].
  ///   - values: [B, K, H·E].
  ///   - groups: Key columns of each group; an empty group contributes zero, and a column that does not exist stops the
  ///     program.
  ///   - outputWeight: [C, H·E] of the layer's output projection; nil: the norm is taken before the projection.
  public static func perGroup(
    probabilities: Tensor, values: Tensor, groups: [[Int]], outputWeight: Tensor? = nil
  ) -> Tensor {
    let sizes = Sizes(probabilities, values, outputWeight)
    let heads = values.reshaped([sizes.batch, sizes.keys, sizes.heads, sizes.width]).permuted([0, 2, 1, 3])
    let norms = groups.map { group -> Tensor in
      guard group.allSatisfy((0..<sizes.keys).contains) else {
        fail("ValueContribution.perGroup: expected key columns in 0..<\(sizes.keys), found \(group)")
      }
      if group.isEmpty { return Tensor.zeros([sizes.batch, sizes.queries]) }
      let parts = probabilities.gathered(axis: 3, group).matmul(heads.gathered(axis: 2, group))  // [B, H, Q, E]
      let side = parts.permuted([0, 2, 1, 3]).reshaped([sizes.batch, sizes.queries, sizes.heads * sizes.width])
      let vectors = outputWeight.map { side.linear(weight: $0, bias: nil) } ?? side  // [B, Q, C]
      return vectors.square().sum(axes: [2]).sqrt()
    }
    return norms.isEmpty ? Tensor.zeros([sizes.batch, sizes.queries, 0]) : Tensor.stacked(norms, axis: 2)
  }

  /// Sizes of one layer's attention, checked for consistency.
  private struct Sizes {
    let batch: Int
    let heads: Int
    let queries: Int
    let keys: Int
    /// Value width per head.
    let width: Int

    init(_ probabilities: Tensor, _ values: Tensor, _ outputWeight: Tensor?) {
      let shape = probabilities.shape
      guard shape.count == 4, shape[1] > 0, values.rank == 3, values.shape[0] == shape[0],
        values.shape[1] == shape[3], values.shape[2] % shape[1] == 0
      else {
        fail(
          "ValueContribution: expected probabilities [B, H, Q, K] and values [B, K, H·E], found \(shape) and "
            + "\(values.shape)")
      }
      if let outputWeight, outputWeight.rank != 2 || outputWeight.shape[1] != values.shape[2] {
        fail("ValueContribution: expected an output weight [C, \(values.shape[2])], found \(outputWeight.shape)")
      }
      (batch, heads, queries, keys) = (shape[0], shape[1], shape[2], shape[3])
      width = values.shape[2] / shape[1]
    }

    /// Inner products of the heads' vectors W_h V_h[k] of one key: [H, H]. The norm of any weighted sum of these
    /// vectors follows from them, so that no query's vector has to be computed.
    func headProducts(_ values: Tensor, _ outputWeight: Tensor?, row: Int, key: Int) -> [Double] {
      var vectors = Tensor.zeros([heads, heads * width])  // row h: head h's values in its columns, zero elsewhere
      values.withUnsafeBuffer { source in
        vectors.withUnsafeMutableBuffer { target in
          for head in 0..<heads {
            for i in head * width..<(head + 1) * width {
              target[head * heads * width + i] = source[(row * keys + key) * heads * width + i]
            }
          }
        }
      }
      if let outputWeight { vectors = vectors.linear(weight: outputWeight, bias: nil) }  // [H, C]
      let length = vectors.shape[1]
      var products = [Double](repeating: 0, count: heads * heads)
      vectors.withUnsafeBuffer { buffer in
        for a in 0..<heads {
          for b in 0...a {
            var sum = 0.0
            for i in 0..<length { sum += Double(buffer[a * length + i]) * Double(buffer[b * length + i]) }
            products[a * heads + b] = sum
            products[b * heads + a] = sum
          }
        }
      }
      return products
    }
  }
}
