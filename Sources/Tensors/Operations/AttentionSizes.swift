import CKernels

/// The checked sizes of one attention, and the blocks of queries that are computed one at a time.
struct AttentionSizes {
  /// Some queries of one head of one sample.
  struct Block {
    let sample, head: Int
    let rows: Range<Int>
  }

  let batch, queries, keys, heads, width: Int
  let causal: Bool
  /// Queries per block. The scores that a block computes at once, for all keys or for one block of keys, take about half a
  /// MiB, so that they stay in cache.
  let blockRows: Int
  /// Strides of the bias along samples, heads and queries; 0 along axes that are broadcast.
  private let biasStrides: [Int]

  init(query: Tensor, key: Tensor, heads: Int, bias: Tensor?, causal: Bool) {
    guard query.rank == 3, key.rank == 3, query.shape[0] == key.shape[0], query.shape[2] == key.shape[2], heads > 0,
      query.shape[2] % heads == 0
    else { fail("attention: query \(query.shape) does not fit key \(key.shape) with \(heads) heads") }
    (batch, queries, keys) = (query.shape[0], query.shape[1], key.shape[1])
    (self.heads, self.causal) = (heads, causal)
    width = query.shape[2] / heads
    blockRows = max(1, min(queries, (1 << 17) / max(Self.takesAllKeys(keys) ? keys : Self.keyBlock, 1)))
    guard let bias else {
      biasStrides = [0, 0, 0]
      return
    }
    guard !bias.isRecorded else { fail("attention: a bias has no gradient; pass it detached") }
    let shape = bias.shape
    guard shape.count == 4, shape[0] == batch || shape[0] == 1, shape[1] == heads || shape[1] == 1,
      shape[2] == queries || shape[2] == 1, shape[3] == keys
    else { fail("attention: bias \(shape) does not fit [\(batch), \(heads), \(queries), \(keys)]") }
    let strides = rowMajorStrides(shape)
    biasStrides = (0..<3).map { shape[$0] == 1 ? 0 : strides[$0] }
  }

  /// Whether all keys of a query are taken at once. Many keys are taken block by block, so that no query's scores are ever
  /// whole in memory.
  static func takesAllKeys(_ keys: Int) -> Bool { keys <= 2 * keyBlock }

  /// Keys that are taken at a time if there are many.
  private static let keyBlock = 512

  private var blocksPerHead: Int { (queries + blockRows - 1) / blockRows }

  private func block(_ index: Int) -> Block {
    let (head, part) = (index / blocksPerHead, index % blocksPerHead)
    let rows = part * blockRows..<min((part + 1) * blockRows, queries)
    return Block(sample: head / heads, head: head % heads, rows: rows)
  }

  /// Calls `body` for one block after the other.
  func forEachBlock(_ body: (Block) -> Void) {
    for index in 0..<batch * heads * blocksPerHead { body(block(index)) }
  }

  /// Calls `body` for every block, on several threads if there is enough work, each with scratch memory of its own.
  func forEachBlockInParallel(scratch count: Int, _ body: (Block, UnsafeMutablePointer<Float>) -> Void) {
    parallel(batch * heads * blocksPerHead, cost: blockRows * keys * width / 16) { range in
      withPointers(Storage(count: count)) { scratch in
        for index in range { body(block(index), scratch) }
      }
    }
  }

  /// Offset of a block in [B, heads, Q, K].
  func scoreOffset(_ block: Block) -> Int {
    ((block.sample * heads + block.head) * queries + block.rows.lowerBound) * keys
  }

  /// Offset of a block's queries in [B, Q, heads·width].
  func queryOffset(_ block: Block, width: Int) -> Int {
    (block.sample * queries + block.rows.lowerBound) * heads * width + block.head * width
  }

  /// Offset of a block's keys in [B, K, heads·width].
  func keyOffset(_ block: Block, width: Int) -> Int {
    block.sample * keys * heads * width + block.head * width
  }

  /// All probabilities, [B, heads, Q, K].
  func probabilities(query: Tensor, key: Tensor, bias: Tensor?) -> Tensor {
    withPointers(query, key, bias) { query, key, bias in
      Tensor(shape: [batch, heads, queries, keys]) { buffer in
        guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
        forEachBlockInParallel(scratch: 0) { block, _ in
          fill(base + scoreOffset(block), block, query: query, key: key, bias: bias)
        }
      }
    }
  }

  /// Writes the probabilities of a block, [rows, K].
  func fill(
    _ scores: UnsafeMutablePointer<Float>, _ block: Block, query: UnsafePointer<Float>, key: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?
  ) {
    guard keys > 0 else { return }
    fillScores(scores, block, 0..<keys, query: query, key: key, bias: bias)
    parallel(block.rows.count, cost: keys * 8) { range in
      msd_softmax(scores + range.lowerBound * keys, Int64(range.count), Int64(keys))
    }
  }

  /// Writes the scores of a block's queries for some keys, [rows, columns.count].
  private func fillScores(
    _ scores: UnsafeMutablePointer<Float>, _ block: Block, _ columns: Range<Int>, query: UnsafePointer<Float>,
    key: UnsafePointer<Float>, bias: UnsafePointer<Float>?
  ) {
    let rows = block.rows
    MatrixProducts.multiply(
      Matrix(query + queryOffset(block, width: width), stride: heads * width),
      Matrix(key + keyOffset(block, width: width) + columns.lowerBound * heads * width, stride: heads * width)
        .transposed,
      into: scores, stride: columns.count, rows: rows.count, columns: columns.count, inner: width,
      alpha: 1 / Float(width).squareRoot())
    guard bias != nil || causal else { return }
    let added = bias.map { $0 + block.sample * biasStrides[0] + block.head * biasStrides[1] + columns.lowerBound }
    for index in 0..<rows.count {
      let row = scores + index * columns.count
      if let added {
        msd_add(added + (rows.lowerBound + index) * biasStrides[2], row, Int64(columns.count))
      }
      if causal {
        let first = max(rows.lowerBound + index + 1 - columns.lowerBound, 0)
        for column in Swift.stride(from: first, to: columns.count, by: 1) { row[column] = -.infinity }
      }
    }
  }

  /// Writes the results of a block of queries, [rows, depth], into rows that are heads·depth apart. Keys are taken block by
  /// block with an online softmax: each block rescales the sums of the earlier ones.
  func attendByBlocks(
    _ block: Block, query: UnsafePointer<Float>, key: UnsafePointer<Float>, value: UnsafePointer<Float>, depth: Int,
    bias: UnsafePointer<Float>?, scratch: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>
  ) {
    let rows = block.rows.count
    let (maxima, sums, factors) = (scratch, scratch + rows, scratch + 2 * rows)
    let scores = scratch + 3 * rows
    maxima.update(repeating: -.infinity, count: rows)
    sums.update(repeating: 0, count: rows)
    for first in Swift.stride(from: 0, to: keys, by: Self.keyBlock) {
      let columns = first..<min(first + Self.keyBlock, keys)
      fillScores(scores, block, columns, query: query, key: key, bias: bias)
      msd_online_softmax(scores, Int64(rows), Int64(columns.count), maxima, sums, factors)
      if first > 0 { msd_scale_rows(target, Int64(rows), Int64(depth), Int64(heads * depth), factors) }
      MatrixProducts.multiply(
        Matrix(scores, stride: columns.count),
        Matrix(value + keyOffset(block, width: depth) + first * heads * depth, stride: heads * depth), into: target,
        stride: heads * depth, rows: rows, columns: depth, inner: columns.count, beta: first > 0 ? 1 : 0)
    }
    for row in 0..<rows { factors[row] = sums[row] > 0 ? 1 / sums[row] : sums[row] }
    msd_scale_rows(target, Int64(rows), Int64(depth), Int64(heads * depth), factors)
  }

  /// Numbers of scratch memory that ``attendByBlocks(_:query:key:value:depth:bias:scratch:into:)`` needs.
  var scratchByBlocks: Int { blockRows * (Self.keyBlock + 3) }
}

extension AttentionSizes {
  /// Gradients of query, key and value from the gradient of the result [B, Q, heads·E].
  ///
  /// One block at a time; probabilities are computed again unless an observer received them.
  func gradients(
    _ gradient: Tensor, observed: Tensor?, query: Tensor, key: Tensor, value: Tensor, bias: Tensor?
  ) -> [Tensor?] {
    let depth = value.shape[2] / heads
    let packed = heads * depth
    let (ofQuery, ofKey, ofValue) = (
      Storage(zeros: query.count), Storage(zeros: key.count), Storage(zeros: value.count)
    )
    let recomputed = Storage(count: observed == nil ? blockRows * keys : 0)
    let scores = Storage(count: blockRows * keys)
    if keys > 0 {
      withPointers(query, key, value, bias, observed, gradient) { query, key, value, bias, observed, gradient in
        withPointers(ofQuery, ofKey, ofValue, recomputed, scores) { ofQuery, ofKey, ofValue, recomputed, scores in
          forEachBlock { block in
            let probabilities: UnsafePointer<Float>
            if let observed {
              probabilities = observed + scoreOffset(block)
            } else {
              fill(recomputed, block, query: query, key: key, bias: bias)
              probabilities = UnsafePointer(recomputed)
            }
            let ofResult = Matrix(gradient + queryOffset(block, width: depth), stride: packed)
            let values = keyOffset(block, width: depth)
            MatrixProducts.multiply(
              Matrix(probabilities, stride: keys).transposed, ofResult, into: ofValue + values, stride: packed,
              rows: keys, columns: depth, inner: block.rows.count, beta: 1)
            MatrixProducts.multiply(
              ofResult, Matrix(value + values, stride: packed).transposed, into: scores, stride: keys,
              rows: block.rows.count, columns: keys, inner: depth)
            propagate(
              scores, block, probabilities: probabilities, query: query, key: key, ofQuery: ofQuery, ofKey: ofKey)
          }
        }
      }
    }
    return [
      Tensor(shape: query.shape, storage: ofQuery), Tensor(shape: key.shape, storage: ofKey),
      Tensor(shape: value.shape, storage: ofValue),
    ]
  }

  /// Gradients of query and key from the gradient of the probabilities, [B, heads, Q, K].
  func gradients(ofProbabilities gradient: Tensor, probabilities: Tensor, query: Tensor, key: Tensor) -> [Tensor?] {
    let (ofQuery, ofKey) = (Storage(zeros: query.count), Storage(zeros: key.count))
    let scores = Storage(count: blockRows * keys)
    if keys > 0 {
      withPointers(query, key, probabilities, gradient) { query, key, probabilities, gradient in
        withPointers(ofQuery, ofKey, scores) { ofQuery, ofKey, scores in
          forEachBlock { block in
            let start = scoreOffset(block)
            scores.update(from: gradient + start, count: block.rows.count * keys)
            propagate(
              scores, block, probabilities: probabilities + start, query: query, key: key, ofQuery: ofQuery,
              ofKey: ofKey)
          }
        }
      }
    }
    return [Tensor(shape: query.shape, storage: ofQuery), Tensor(shape: key.shape, storage: ofKey)]
  }

  /// Propagates the gradient of a block's probabilities through softmax and scores to query and key. Its memory
  /// is overwritten with the gradient of the scores.
  private func propagate(
    _ gradient: UnsafeMutablePointer<Float>, _ block: Block, probabilities: UnsafePointer<Float>,
    query: UnsafePointer<Float>, key: UnsafePointer<Float>, ofQuery: UnsafeMutablePointer<Float>,
    ofKey: UnsafeMutablePointer<Float>
  ) {
    let rows = block.rows.count
    parallel(rows, cost: keys * 4) { range in
      msd_softmax_gradient(
        probabilities + range.lowerBound * keys, gradient + range.lowerBound * keys, Int64(range.count), Int64(keys),
        1 / Float(width).squareRoot())
    }
    let packed = heads * width
    let (own, other) = (queryOffset(block, width: width), keyOffset(block, width: width))
    let ofScores = Matrix(gradient, stride: keys)
    MatrixProducts.multiply(
      ofScores, Matrix(key + other, stride: packed), into: ofQuery + own, stride: packed, rows: rows, columns: width,
      inner: keys)
    MatrixProducts.multiply(
      ofScores.transposed, Matrix(query + own, stride: packed), into: ofKey + other, stride: packed, rows: keys,
      columns: width, inner: rows, beta: 1)
  }
}
