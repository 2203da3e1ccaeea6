import COpenBLAS

/// C = alpha·op(A)·op(B) + beta·C on row-major matrices: C [rows, columns], the shared axis `inner` long.
///
/// `aStride`, `bStride` and `cStride` are the distances between rows as they lie in memory.
func gemm(
  _ a: UnsafePointer<Float>, _ aStride: Int, transposingA aTransposed: Bool = false,
  _ b: UnsafePointer<Float>, _ bStride: Int, transposingB bTransposed: Bool = false,
  into c: UnsafeMutablePointer<Float>, _ cStride: Int,
  rows: Int, columns: Int, inner: Int, alpha: Float = 1, beta: Float = 0
) {
  guard rows > 0, columns > 0 else { return }
  cblas_sgemm(
    CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
    Int32(rows), Int32(columns), Int32(inner), alpha, a, Int32(max(aStride, 1)), b, Int32(max(bStride, 1)), beta,
    c, Int32(max(cStride, 1)))
}

extension Tensor {
  /// Matrix product of the last two axes: [..., M, K] × [..., K, N] gives [..., M, N]; leading axes broadcast.
  public func matmul(_ other: Tensor) -> Tensor {
    guard rank >= 2, other.rank >= 2, shape[rank - 1] == other.shape[other.rank - 2] else {
      fail("matmul: shapes \(shape) and \(other.shape) do not fit")
    }
    let (rows, inner, columns) = (shape[rank - 2], shape[rank - 1], other.shape[other.rank - 1])
    let (ownLeading, otherLeading) = (Array(shape.dropLast(2)), Array(other.shape.dropLast(2)))
    let leading = broadcastShape(ownLeading, otherLeading, operation: "matmul")
    let aStrides = broadcastStrides(from: ownLeading, to: leading, operation: "matmul")
    let bStrides = broadcastStrides(from: otherLeading, to: leading, operation: "matmul")
    let (a, b) = (pointer, other.pointer)
    defer { withExtendedLifetime((storage, other.storage)) {} }
    return Tensor(shape: leading + [rows, columns]) { buffer in
      guard let target = buffer.baseAddress else { return }
      if inner == 0 {
        buffer.update(repeating: 0)
        return
      }
      for batch in 0..<elementCount(leading) {
        let index = unravelled(batch, leading)
        let aOffset = zip(index, aStrides).reduce(0) { $0 + $1.0 * $1.1 } * rows * inner
        let bOffset = zip(index, bStrides).reduce(0) { $0 + $1.0 * $1.1 } * inner * columns
        gemm(
          a + aOffset, inner, b + bOffset, columns, into: target + batch * rows * columns, columns,
          rows: rows, columns: columns, inner: inner)
      }
    }
    .recorded(from: [self, other]) {
      [x = detached, y = other.detached, wants = [isRecorded, other.isRecorded]] derivative in
      [
        wants[0] ? derivative.matmul(y.transposed()).summed(to: x.shape) : nil,
        wants[1] ? x.transposed().matmul(derivative).summed(to: y.shape) : nil,
      ]
    }
  }

  /// x·Wᵀ + b along the last axis: [..., I] gives [..., O].
  ///
  /// - Parameters:
  ///   - weight: [O, I].
  ///   - bias: [O].
  public func linear(weight: Tensor, bias: Tensor?) -> Tensor {
    guard let inner = shape.last, weight.rank == 2, weight.shape[1] == inner,
      bias == nil || bias?.shape == [weight.shape[0]]
    else { fail("linear: \(shape) does not fit weight \(weight.shape), bias \(bias?.shape ?? [])") }
    let columns = weight.shape[0]
    let rows = shape.dropLast().reduce(1, *)
    let (x, w) = (pointer, weight.pointer)
    defer { withExtendedLifetime((storage, weight.storage)) {} }
    return Tensor(shape: Array(shape.dropLast()) + [columns]) { buffer in
      guard let target = buffer.baseAddress else { return }
      if let bias {
        fillRows(target, rows: rows, with: bias)
      } else if inner == 0 {
        buffer.update(repeating: 0)
      }
      gemm(
        x, inner, w, inner, transposingB: true, into: target, columns, rows: rows, columns: columns, inner: inner,
        beta: bias == nil ? 0 : 1)
    }
    .recorded(from: [self, weight] + (bias.map { [$0] } ?? [])) {
      [x = detached, w = weight.detached, wants = [isRecorded, weight.isRecorded, bias?.isRecorded ?? false]] derivative
      in
      let flat = derivative.reshaped([rows, columns])
      return [
        wants[0] ? flat.matmul(w).reshaped(x.shape) : nil,
        wants[1] ? flat.transposedProduct(x.reshaped([rows, inner])) : nil, wants[2] ? flat.columnSums() : nil,
      ]
    }
  }

  /// The product of this matrix [N, M], transposed, and another one [N, K]: [M, K].
  func transposedProduct(_ other: Tensor) -> Tensor {
    let (rows, columns, inner) = (shape[1], other.shape[1], shape[0])
    return Tensor(shape: [rows, columns]) { buffer in
      guard let target = buffer.baseAddress else { return }
      if inner == 0 { buffer.update(repeating: 0) }
      gemm(
        pointer, rows, transposingA: true, other.pointer, columns, into: target, columns, rows: rows, columns: columns,
        inner: inner)
      withExtendedLifetime((storage, other.storage)) {}
    }
  }
}

/// Writes a copy of `bias` into each of `rows` rows.
func fillRows(_ target: UnsafeMutablePointer<Float>, rows: Int, with bias: Tensor) {
  let columns = bias.count
  let source = bias.pointer
  parallel(rows, cost: columns) { range in
    for row in range { (target + row * columns).update(from: source, count: columns) }
  }
  withExtendedLifetime(bias.storage) {}
}
