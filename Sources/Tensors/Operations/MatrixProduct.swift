extension Tensor {
  /// Matrix product of the last two axes: [..., M, K] × [..., K, N] = [..., M, N]; leading axes broadcast.
  public func matmul(_ other: Tensor) -> Tensor {
    guard rank >= 2, other.rank >= 2, shape[rank - 1] == other.shape[other.rank - 2] else {
      fail("matmul: shapes \(shape) and \(other.shape) do not fit")
    }
    let (rows, inner, columns) = (shape[rank - 2], shape[rank - 1], other.shape[other.rank - 1])
    let (ownLeading, otherLeading) = (Array(shape.dropLast(2)), Array(other.shape.dropLast(2)))
    let leading = broadcastShape(ownLeading, otherLeading, operation: "matmul")
    let aStrides = broadcastStrides(from: ownLeading, to: leading, operation: "matmul")
    let bStrides = broadcastStrides(from: otherLeading, to: leading, operation: "matmul")
    return withPointers(self, other) { a, b in
      Tensor(shape: leading + [rows, columns]) { buffer in
        guard let target = buffer.baseAddress else { return }
        if inner == 0 {
          buffer.update(repeating: 0)
          return
        }
        for batch in 0..<elementCount(leading) {
          let index = unravelled(batch, leading)
          let aOffset = zip(index, aStrides).reduce(0) { $0 + $1.0 * $1.1 } * rows * inner
          let bOffset = zip(index, bStrides).reduce(0) { $0 + $1.0 * $1.1 } * inner * columns
          MatrixProducts.multiply(
            Matrix(a + aOffset, stride: inner), Matrix(b + bOffset, stride: columns),
            into: target + batch * rows * columns, stride: columns, rows: rows, columns: columns, inner: inner)
        }
      }
    }
    .recorded("matmul", from: [self, other]) {
      [x = detached, y = other.detached, wants = [isRecorded, other.isRecorded]] gradient in
      [
        wants[0] ? gradient.matmul(y.transposed()).summed(to: x.shape) : nil,
        wants[1] ? x.transposed().matmul(gradient).summed(to: y.shape) : nil,
      ]
    }
  }

  /// x·Wᵀ + b along the last axis: [..., I] to [..., O].
  ///
  /// - Parameters:
  ///   - weight: [O, I].
  ///   - bias: [O].
  public func linear(weight: Tensor, bias: Tensor?) -> Tensor { linear(weight: .tensor(weight), bias: bias) }

  /// x·Wᵀ + b along the last axis. The weight is a tensor, or is kept in memory in the number type of its file.
  public func linear(weight: Weight, bias: Tensor?) -> Tensor {
    guard let inner = shape.last, weight.shape.count == 2, weight.shape[1] == inner,
      bias == nil || bias?.shape == [weight.shape[0]]
    else {
      let found = bias.map { "bias \($0.shape)" } ?? "no bias"
      fail("linear: \(shape) does not fit weight \(weight.shape), \(found)")
    }
    let columns = weight.shape[0]
    let rows = shape.dropLast().reduce(1, *)
    let trained = weight.trained
    return withPointers(self, bias) { x, bias in
      Tensor(shape: Array(shape.dropLast()) + [columns]) { buffer in
        guard let target = buffer.baseAddress else { return }
        if let bias {
          fillRows(target, rows: rows, columns: columns, with: bias)
        } else if inner == 0 {
          buffer.update(repeating: 0)
        }
        MatrixProducts.multiply(x, rows: rows, by: weight, into: target, beta: bias == nil ? 0 : 1)
      }
    }
    .recorded("linear", from: [self] + [trained, bias].compactMap { $0 }) {
      [
        x = detached, weight = weight.detached, hasBias = bias != nil, hasWeight = trained != nil,
        wants = [isRecorded, trained?.isRecorded ?? false, bias?.isRecorded ?? false]
      ] gradient in
      let flat = gradient.reshaped([rows, columns])
      let forInput = wants[0] ? flat.matmul(weight.tensor).reshaped(x.shape) : nil
      let forWeight = wants[1] ? flat.transposedProduct(x.reshaped([rows, inner])) : nil
      return [forInput] + (hasWeight ? [forWeight] : []) + (hasBias ? [wants[2] ? flat.columnSums() : nil] : [])
    }
  }

  /// Aᵀ·B, where A is this matrix [N, M] and B the other one [N, K]: [M, K].
  func transposedProduct(_ other: Tensor) -> Tensor {
    let (rows, columns, inner) = (shape[1], other.shape[1], shape[0])
    return withPointers(self, other) { a, b in
      Tensor(shape: [rows, columns]) { buffer in
        guard let target = buffer.baseAddress else { return }
        if inner == 0 { buffer.update(repeating: 0) }
        MatrixProducts.multiply(
          Matrix(a, stride: rows).transposed, Matrix(b, stride: columns), into: target, stride: columns, rows: rows,
          columns: columns, inner: inner)
      }
    }
  }
}

/// Writes a copy of `row` into each of `rows` rows.
private func fillRows(
  _ target: UnsafeMutablePointer<Float>, rows: Int, columns: Int, with row: UnsafePointer<Float>
) {
  parallel(rows, cost: columns) { range in
    for index in range { (target + index * columns).update(from: row, count: columns) }
  }
}
