import CKernels

extension MatrixProduct {
  /// Computes part of C by oneDNN on the calling thread, in bfloat16 if that is the backend.
  /// - Returns: false, and C is as before, if oneDNN cannot compute it.
  func computeByOneDNN(rows: Range<Int>, columns: Range<Int>) -> Bool {
    let own = a.part(rows: rows, columns: 0..<inner)
    let other = b.part(rows: 0..<inner, columns: columns)
    let target = c + rows.lowerBound * stride + columns.lowerBound
    func multiply(_ a: msd_operand, _ b: msd_operand, _ element: msd_element) -> Bool {
      msd_onednn_multiply(
        a, b, element, target, Int64(stride), Int64(rows.count), Int64(columns.count), Int64(inner), alpha, beta) != 0
    }
    guard backend == .bfloat16, rows.count * columns.count * inner >= Self.leastInBFloat16 else {
      return multiply(own.operand, other.operand, msd_float32)
    }
    return own.roundedToBFloat16(rows: rows.count, columns: inner) { own in
      other.roundedToBFloat16(rows: inner, columns: columns.count) { other in multiply(own, other, msd_bfloat16) }
    }
  }

  /// The smallest number of multiplications for which rounding the operands is worth its time.
  private static let leastInBFloat16 = 1 << 18
}

extension Matrix {
  /// The part of the matrix in some rows and columns, as read after transposition.
  fileprivate func part(rows: Range<Int>, columns: Range<Int>) -> Matrix {
    let (first, second) = isTransposed ? (columns.lowerBound, rows.lowerBound) : (rows.lowerBound, columns.lowerBound)
    return Matrix(values + first * stride + second, stride: stride, isTransposed: isTransposed)
  }

  fileprivate var operand: msd_operand {
    msd_operand(values: values, stride: Int64(stride), is_transposed: isTransposed ? 1 : 0)
  }

  /// Calls `body` with a copy in bfloat16, without gaps between the rows in memory.
  /// - Parameters:
  ///   - rows: number of rows after transposition.
  ///   - columns: number of columns after transposition.
  fileprivate func roundedToBFloat16<Result>(rows: Int, columns: Int, _ body: (msd_operand) -> Result) -> Result {
    let (height, width) = isTransposed ? (columns, rows) : (rows, columns)
    // Two numbers of bfloat16 take the room of one float.
    return withPointers(Storage(count: (height * width + 1) / 2)) { floats in
      floats.withMemoryRebound(to: UInt16.self, capacity: height * width) { numbers in
        for row in 0..<height {
          msd_to_bfloat16(values + row * stride, numbers + row * width, Int64(width))
        }
        return body(
          msd_operand(values: numbers, stride: Int64(width), is_transposed: isTransposed ? 1 : 0))
      }
    }
  }
}
