import Foundation

/// Thrown if matrix products on this machine are wrong.
public struct MatrixProductError: Error, Equatable, CustomStringConvertible {
  /// What computed the product.
  public let backend: Backend
  /// Sizes of the wrong product: rows, columns, inner.
  public let sizes: [Int]
  public let difference: Float

  public var description: String {
    "the product of \(sizes[0])×\(sizes[2]) and \(sizes[2])×\(sizes[1]) matrices by the backend '\(backend.rawValue)' is "
      + "wrong by \(difference) on this processor; "
      + (backend == .openBLAS
        ? "set OPENBLAS_CORETYPE to a processor that OpenBLAS supports, such as Haswell, and start again"
        : "set \(Backend.variable) to \(Backend.openBLAS.rawValue), and start again")
  }
}

extension Tensor {
  /// Compares a backend's products with plain sums in double precision, at various sizes, plain and transposed, whole
  /// and in tiles.
  ///
  /// Some versions of OpenBLAS misidentify newer processors and compute wrong numbers. Training should find
  /// this out before it starts.
  /// - Parameter backend: the backend to check; it must be installed.
  /// - Throws: ``MatrixProductError`` for the first sizes whose error is larger than rounding explains.
  public static func checkMatrixProducts(by backend: Backend = .chosen) throws {
    var generator = RandomGenerator(seed: 1)
    for sizes in [
      [1, 1, 1], [3, 5, 7], [16, 256, 144], [64, 256, 576], [65, 130, 33], [128, 17, 300], [257, 31, 64],
    ] {
      let (rows, columns, inner) = (sizes[0], sizes[1], sizes[2])
      let (a, b) = (generator.normal([rows, inner]), generator.normal([inner, columns]))
      let (x, y) = (a.values, b.values)
      var exact = [Float](repeating: 0, count: rows * columns)
      for row in 0..<rows {
        for column in 0..<columns {
          var sum = 0.0
          for index in 0..<inner { sum += Double(x[row * inner + index]) * Double(y[index * columns + column]) }
          exact[row * columns + column] = Float(sum)
        }
      }
      // Operations always use the chosen backend.
      let operations =
        backend == .chosen
        ? [a.matmul(b), a.linear(weight: b.transposed(), bias: nil), a.transposed().transposedProduct(b)] : []
      // Each operand is rounded to 8 bits in bfloat16, and to 24 in float32; errors add up like the square root.
      let limit = (backend == .bfloat16 ? 0.016 : 4e-5) * Float(inner).squareRoot()
      for product in operations + Self.tiledProducts(a, b, by: backend) {
        let difference = zip(product.values, exact).map { ($0 - $1).magnitude }.max() ?? 0
        // `max` may skip NaN, so NaN is tested separately.
        guard difference <= limit, product.isFinite else {
          throw MatrixProductError(backend: backend, sizes: sizes, difference: difference)
        }
      }
    }
  }

  /// A·B in two and in three tiles, however many threads there are; A is also read transposed.
  private static func tiledProducts(_ a: Tensor, _ b: Tensor, by backend: Backend) -> [Tensor] {
    let (rows, inner, columns) = (a.shape[0], a.shape[1], b.shape[1])
    return withPointers(a, a.transposed(), b) { a, turned, b in
      [(Matrix(a, stride: inner), 2), (Matrix(turned, stride: rows).transposed, 3)].map { a, tiles in
        Tensor(shape: [rows, columns]) { buffer in
          guard let c = buffer.baseAddress else { return }
          MatrixProduct(
            a: a, b: Matrix(b, stride: columns), c: c, stride: columns, rows: rows, columns: columns, inner: inner,
            alpha: 1, beta: 0, backend: backend
          ).run(tiles: tiles)
        }
      }
    }
  }
}
