import CKernels

/// Scaled dot-product attention over packed heads: softmax(q·kᵀ/√D + bias)·v, head by head.
///
/// The heads stay where the projections left them, side by side in the last axis. Scores are computed for a block of
/// queries at a time; all of them exist together only while somebody observes, and that changes no bit of the result.
///
/// - Parameters:
///   - query: [B, Q, heads·D].
///   - key: [B, K, heads·D].
///   - value: [B, K, heads·E].
///   - heads: Number of heads.
///   - bias: Added to the scores: [B or 1, heads or 1, Q or 1, K]; minus infinity shuts a key out. It has no derivative.
///   - causal: Whether query i sees only the keys 0...i.
///   - observing: Gets the probabilities [B, heads, Q, K], recorded where query or key are, and may return others,
///     detached, to be used in their place.
/// - Returns: [B, Q, heads·E]. A query all of whose keys are shut out gives zeros.
public func attention(
  query: Tensor, key: Tensor, value: Tensor, heads: Int, bias: Tensor? = nil, causal: Bool = false,
  observing: ((Tensor) -> Tensor?)? = nil
) -> Tensor {
  let sizes = AttentionSizes(query: query, key: key, heads: heads, bias: bias)
  guard value.rank == 3, value.shape[0] == sizes.batch, value.shape[1] == sizes.keys, value.shape[2] % heads == 0 else {
    fail("attention: value \(value.shape) does not fit key \(key.shape) with \(heads) heads")
  }
  let depth = value.shape[2] / heads
  let values = value.pointer
  defer { withExtendedLifetime(value.storage) {} }
  var observed: Tensor?
  if let observing {
    let probabilities = attentionProbabilities(query: query, key: key, heads: heads, bias: bias, causal: causal)
    let replaced = observing(probabilities)
    guard replaced == nil || replaced?.shape == probabilities.shape else {
      fail("attention: probabilities \(probabilities.shape) cannot be replaced by \(replaced?.shape ?? [])")
    }
    guard replaced?.node == nil else {
      fail("attention: probabilities put in place of others have no derivative; give them detached")
    }
    observed = replaced ?? probabilities.detached
  }
  return Tensor(shape: [sizes.batch, sizes.queries, heads * depth]) { buffer in
    guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
    let scratch = Storage(count: observed == nil ? sizes.block * sizes.keys : 0)
    for batch in 0..<sizes.batch {
      for head in 0..<heads {
        sizes.forEachBlock { rows in
          let scores: UnsafePointer<Float>
          if let observed {
            scores = observed.pointer + ((batch * heads + head) * sizes.queries + rows.lowerBound) * sizes.keys
          } else {
            sizes.fill(
              scratch.base, batch: batch, head: head, rows: rows, query: query, key: key, bias: bias, causal: causal)
            scores = UnsafePointer(scratch.base)
          }
          let target = base + (batch * sizes.queries + rows.lowerBound) * heads * depth + head * depth
          guard sizes.keys > 0 else {
            for row in 0..<rows.count { (target + row * heads * depth).update(repeating: 0, count: depth) }
            return
          }
          gemm(
            scores, sizes.keys, values + batch * sizes.keys * heads * depth + head * depth, heads * depth,
            into: target, heads * depth, rows: rows.count, columns: depth, inner: sizes.keys)
        }
      }
    }
    withExtendedLifetime((scratch, observed)) {}
  }
  .recorded(from: [query, key, value]) {
    [query = query.detached, key = key.detached, value = value.detached, bias = bias?.detached, observed] derivative in
    sizes.derivatives(derivative, observed, query: query, key: key, value: value, bias: bias, causal: causal)
  }
}

/// The probabilities alone, all of them at once: softmax(q·kᵀ/√D + bias) as [B, heads, Q, K].
///
/// Parameters as of ``attention(query:key:value:heads:bias:causal:observing:)``.
public func attentionProbabilities(
  query: Tensor, key: Tensor, heads: Int, bias: Tensor? = nil, causal: Bool = false
) -> Tensor {
  let sizes = AttentionSizes(query: query, key: key, heads: heads, bias: bias)
  let probabilities = sizes.probabilities(query: query, key: key, bias: bias, causal: causal)
  return probabilities.recorded(from: [query, key]) { [query = query.detached, key = key.detached] derivative in
    sizes.scoreDerivatives(derivative, probabilities: probabilities, query: query, key: key)
  }
}

/// The sizes of one attention, checked, and the block of queries that is worked on at a time.
private struct AttentionSizes {
  let batch, queries, keys, heads, width: Int
  /// Queries a block: its scores take at most some 4 MiB.
  let block: Int

  init(query: Tensor, key: Tensor, heads: Int, bias: Tensor?) {
    guard query.rank == 3, key.rank == 3, query.shape[0] == key.shape[0], query.shape[2] == key.shape[2], heads > 0,
      query.shape[2] % heads == 0
    else { fail("attention: query \(query.shape) does not fit key \(key.shape) with \(heads) heads") }
    (batch, queries, keys) = (query.shape[0], query.shape[1], key.shape[1])
    self.heads = heads
    width = query.shape[2] / heads
    block = max(1, min(queries, (1 << 20) / max(keys, 1)))
    guard bias?.node == nil else { fail("attention: a bias has no derivative; give it detached") }
    guard let shape = bias?.shape else { return }
    guard shape.count == 4, shape[0] == batch || shape[0] == 1, shape[1] == heads || shape[1] == 1,
      shape[2] == queries || shape[2] == 1, shape[3] == keys
    else { fail("attention: bias \(shape) does not fit [\(batch), \(heads), \(queries), \(keys)]") }
  }

  func forEachBlock(_ body: (Range<Int>) -> Void) {
    for start in stride(from: 0, to: queries, by: block) { body(start..<min(start + block, queries)) }
  }

  func probabilities(query: Tensor, key: Tensor, bias: Tensor?, causal: Bool) -> Tensor {
    Tensor(shape: [batch, heads, queries, keys]) { buffer in
      guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
      for batch in 0..<batch {
        for head in 0..<heads {
          forEachBlock { rows in
            fill(
              base + ((batch * heads + head) * queries + rows.lowerBound) * keys, batch: batch, head: head, rows: rows,
              query: query, key: key, bias: bias, causal: causal)
          }
        }
      }
    }
  }

  /// The probabilities of some rows of one head.
  func fill(
    _ scores: UnsafeMutablePointer<Float>, batch: Int, head: Int, rows: Range<Int>, query: Tensor, key: Tensor,
    bias: Tensor?, causal: Bool
  ) {
    guard keys > 0 else { return }
    let stride = heads * width
    gemm(
      query.pointer + (batch * queries + rows.lowerBound) * stride + head * width, stride,
      key.pointer + batch * keys * stride + head * width, stride, transposingB: true,
      into: scores, keys, rows: rows.count, columns: keys, inner: width, alpha: 1 / Float(width).squareRoot())
    let added = bias.map { bias in
      let plane = (bias.shape[0] == 1 ? 0 : batch) * bias.shape[1] + (bias.shape[1] == 1 ? 0 : head)
      return bias.pointer + plane * bias.shape[2] * keys
    }
    let biasStride = bias?.shape[2] == 1 ? 0 : keys
    parallel(rows.count, cost: keys * 8) { range in
      for index in range {
        let row = scores + index * keys
        if let added {
          let from = added + (rows.lowerBound + index) * biasStride
          for column in 0..<keys { row[column] += from[column] }
        }
        if causal {
          for column in Swift.stride(from: rows.lowerBound + index + 1, to: keys, by: 1) { row[column] = -.infinity }
        }
      }
      msd_softmax(scores + range.lowerBound * keys, Int64(range.count), Int64(keys))
    }
    withExtendedLifetime((query.storage, key.storage, bias?.storage)) {}
  }

  /// Derivatives of query, key and value from that of the result [B, Q, heads·E].
  ///
  /// A block of queries of one head at a time; probabilities are made again unless somebody put others in place.
  func derivatives(
    _ derivative: Tensor, _ observed: Tensor?, query: Tensor, key: Tensor, value: Tensor, bias: Tensor?, causal: Bool
  ) -> [Tensor?] {
    let depth = value.shape[2] / heads
    let (packed, stride) = (heads * width, heads * depth)
    let results = [Tensor.zeros(query.shape), .zeros(key.shape), .zeros(value.shape)]
    guard keys > 0 else { return results }
    let (toQuery, toKey, toValue) = (results[0].storage.base, results[1].storage.base, results[2].storage.base)
    let (made, slopes) = (Storage(count: observed == nil ? block * keys : 0), Storage(count: block * keys))
    for batch in 0..<batch {
      for head in 0..<heads {
        forEachBlock { rows in
          let probabilities: UnsafePointer<Float>
          if let observed {
            probabilities = observed.pointer + ((batch * heads + head) * queries + rows.lowerBound) * keys
          } else {
            fill(
              made.base, batch: batch, head: head, rows: rows, query: query, key: key, bias: bias, causal: causal)
            probabilities = UnsafePointer(made.base)
          }
          let given = derivative.pointer + (batch * queries + rows.lowerBound) * stride + head * depth
          let values = batch * keys * stride + head * depth
          gemm(
            probabilities, keys, transposingA: true, given, stride, into: toValue + values, stride, rows: keys,
            columns: depth, inner: rows.count, beta: 1)
          gemm(
            given, stride, value.pointer + values, stride, transposingB: true, into: slopes.base, keys,
            rows: rows.count, columns: keys, inner: depth)
          pushBack(
            probabilities, slopes.base, batch: batch, head: head, rows: rows, query: query, key: key,
            toQuery: toQuery, toKey: toKey, packed: packed)
        }
      }
    }
    withExtendedLifetime((results, made, slopes, observed, derivative.storage, value.storage)) {}
    return results
  }

  /// Derivatives of query and key from that of the probabilities, [B, H, Q, K].
  func scoreDerivatives(_ derivative: Tensor, probabilities: Tensor, query: Tensor, key: Tensor) -> [Tensor?] {
    let results = [Tensor.zeros(query.shape), .zeros(key.shape)]
    guard keys > 0 else { return results }
    let (toQuery, toKey) = (results[0].storage.base, results[1].storage.base)
    let slopes = Storage(count: block * keys)
    for batch in 0..<batch {
      for head in 0..<heads {
        forEachBlock { rows in
          let start = ((batch * heads + head) * queries + rows.lowerBound) * keys
          slopes.base.update(from: derivative.pointer + start, count: rows.count * keys)
          pushBack(
            probabilities.pointer + start, slopes.base, batch: batch, head: head, rows: rows, query: query, key: key,
            toQuery: toQuery, toKey: toKey, packed: heads * width)
        }
      }
    }
    withExtendedLifetime((results, slopes, derivative.storage, probabilities.storage)) {}
    return results
  }

  /// Takes the derivative of some rows of probabilities, in place, through softmax and scores to query and key.
  private func pushBack(
    _ probabilities: UnsafePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, batch: Int, head: Int,
    rows: Range<Int>, query: Tensor, key: Tensor, toQuery: UnsafeMutablePointer<Float>,
    toKey: UnsafeMutablePointer<Float>, packed: Int
  ) {
    parallel(rows.count, cost: keys * 4) { range in
      msd_softmax_slope(
        probabilities + range.lowerBound * keys, slopes + range.lowerBound * keys, Int64(range.count), Int64(keys),
        1 / Float(width).squareRoot())
    }
    let (own, other) = (
      (batch * queries + rows.lowerBound) * packed + head * width, batch * keys * packed + head * width
    )
    gemm(
      slopes, keys, key.pointer + other, packed, into: toQuery + own, packed, rows: rows.count, columns: width,
      inner: keys)
    gemm(
      slopes, keys, transposingA: true, query.pointer + own, packed, into: toKey + other, packed, rows: keys,
      columns: width, inner: rows.count, beta: 1)
    withExtendedLifetime((query.storage, key.storage)) {}
  }
}
