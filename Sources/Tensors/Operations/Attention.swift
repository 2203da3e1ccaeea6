/// Scaled dot-product attention over packed heads: softmax(q·kᵀ/√D + bias)·v, head by head.
///
/// The heads stay packed in the last axis, as the projections return them. Scores are computed for one block of queries at
/// a time; if there are more than 1024 keys, these are also divided into blocks. All scores are in memory at once only if
/// there is an observer. Observing changes no bit of the result.
///
/// - Parameters:
///   - query: [B, Q, heads·D].
///   - key: [B, K, heads·D].
///   - value: [B, K, heads·E].
///   - heads: Number of heads.
///   - bias: Added to the scores: [B or 1, heads or 1, Q or 1, K]; minus infinity excludes a key. It has no gradient.
///   - causal: Whether query i sees only the keys 0...i.
///   - observing: Receives the probabilities [B, heads, Q, K], recorded if query or key is. Returns detached
///     probabilities of the same shape to be used instead, or nil.
/// - Returns: [B, Q, heads·E]; zeros for a query whose keys are all excluded.
public func attention(
  query: Tensor, key: Tensor, value: Tensor, heads: Int, bias: Tensor? = nil, causal: Bool = false,
  observing: ((Tensor) -> Tensor?)? = nil
) -> Tensor {
  let sizes = AttentionSizes(query: query, key: key, heads: heads, bias: bias, causal: causal)
  guard value.rank == 3, value.shape[0] == sizes.batch, value.shape[1] == sizes.keys, value.shape[2] % heads == 0 else {
    fail("attention: value \(value.shape) does not fit key \(key.shape) with \(heads) heads")
  }
  let depth = value.shape[2] / heads
  let byBlocks = !AttentionSizes.takesAllKeys(sizes.keys)
  var observed: Tensor?
  var isReplaced = false
  if let observing {
    let probabilities = attentionProbabilities(query: query, key: key, heads: heads, bias: bias, causal: causal)
    let replaced = observing(probabilities)
    guard replaced == nil || replaced?.shape == probabilities.shape else {
      fail("attention: probabilities \(probabilities.shape) cannot be replaced by \(replaced?.shape ?? [])")
    }
    guard replaced?.node == nil else {
      fail("attention: replaced probabilities have no gradient; return them detached")
    }
    (observed, isReplaced) = (replaced ?? probabilities.detached, replaced != nil)
  }
  return withPointers(query, key, value, bias, observed) { query, key, value, bias, observed in
    Tensor(shape: [sizes.batch, sizes.queries, heads * depth]) { buffer in
      guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
      let scratchCount = byBlocks ? sizes.scratchByBlocks : sizes.blockRows * sizes.keys
      sizes.forEachBlockInParallel(scratch: scratchCount) { block, scratch in
        let target = base + sizes.queryOffset(block, width: depth)
        if byBlocks, !isReplaced {
          sizes.attendByBlocks(
            block, query: query, key: key, value: value, depth: depth, bias: bias, scratch: scratch, into: target)
          return
        }
        let probabilities: UnsafePointer<Float>
        if let observed {
          probabilities = observed + sizes.scoreOffset(block)
        } else {
          sizes.fill(scratch, block, query: query, key: key, bias: bias)
          probabilities = UnsafePointer(scratch)
        }
        guard sizes.keys > 0 else {
          for row in 0..<block.rows.count { (target + row * heads * depth).update(repeating: 0, count: depth) }
          return
        }
        MatrixProducts.multiply(
          Matrix(probabilities, stride: sizes.keys),
          Matrix(value + sizes.keyOffset(block, width: depth), stride: heads * depth), into: target,
          stride: heads * depth, rows: block.rows.count, columns: depth, inner: sizes.keys)
      }
    }
  }
  .recorded("attention", from: [query, key, value]) {
    [query = query.detached, key = key.detached, value = value.detached, bias = bias?.detached, observed] gradient in
    sizes.gradients(gradient, observed: observed, query: query, key: key, value: value, bias: bias)
  }
}

/// Returns only the attention probabilities, all at once: softmax(q·kᵀ/√D + bias) as [B, heads, Q, K].
///
/// Parameters as for ``attention(query:key:value:heads:bias:causal:observing:)``.
public func attentionProbabilities(
  query: Tensor, key: Tensor, heads: Int, bias: Tensor? = nil, causal: Bool = false
) -> Tensor {
  let sizes = AttentionSizes(query: query, key: key, heads: heads, bias: bias, causal: causal)
  let probabilities = sizes.probabilities(query: query, key: key, bias: bias)
  return probabilities.recorded("attentionProbabilities", from: [query, key]) {
    [query = query.detached, key = key.detached] gradient in
    sizes.gradients(ofProbabilities: gradient, probabilities: probabilities, query: query, key: key)
  }
}
