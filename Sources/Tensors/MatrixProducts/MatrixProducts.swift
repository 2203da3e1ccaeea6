import COpenBLAS
import Foundation

/// One operand of a matrix product, in place in memory: row-major, possibly part of a wider matrix.
struct Matrix {
  let values: UnsafePointer<Float>
  /// Number of values between the starts of two consecutive rows.
  let stride: Int
  private(set) var isTransposed = false

  init(_ values: UnsafePointer<Float>, stride: Int) { (self.values, self.stride) = (values, stride) }

  /// The transposed matrix: this memory, read with rows and columns exchanged.
  var transposed: Matrix {
    var other = self
    other.isTransposed.toggle()
    return other
  }
}

/// The one place that multiplies matrices: every operation calls it, and nothing else calls OpenBLAS.
enum MatrixProducts {
  /// A weight in the form that ``multiply(_:_:into:stride:rows:columns:inner:alpha:beta:)`` reads: float32, to which
  /// stored types are widened. An operation calls this once for all of its products.
  static func readable(_ weight: Weight) -> Tensor { weight.tensor }

  /// C = alpha·A·B + beta·C.
  ///
  /// - Parameters:
  ///   - a: [rows, inner], after transposition if `isTransposed`.
  ///   - b: [inner, columns], likewise.
  ///   - c: [rows, columns].
  ///   - stride: Number of values between the starts of two consecutive rows of C.
  ///   - beta: If it is 0, C is not read.
  static func multiply(
    _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, stride: Int, rows: Int, columns: Int, inner: Int,
    alpha: Float = 1, beta: Float = 0
  ) {
    guard rows > 0, columns > 0 else { return }
    cblas_sgemm(
      CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
      Int32(rows), Int32(columns), Int32(inner), alpha, a.values, Int32(max(a.stride, 1)), b.values,
      Int32(max(b.stride, 1)), beta, c, Int32(max(stride, 1)))
  }

  /// Runs `body` with its matrix products on the calling thread.
  ///
  /// OpenBLAS has one thread count for the whole process: it is 1 while any thread runs such a body.
  static func onCallingThread<Result>(_ body: () throws -> Result) rethrows -> Result {
    SingleThreading.enter()
    defer { SingleThreading.leave() }
    return try body()
  }
}

/// Counts the threads inside ``MatrixProducts/onCallingThread(_:)``, and sets OpenBLAS's thread count to 1 for them.
private enum SingleThreading {
  private struct State {
    var users = 0
    /// OpenBLAS's thread count to restore when the last user leaves.
    var threads: Int32 = 1
  }
  private static let lock = NSLock()
  nonisolated(unsafe) private static var state = State()

  static func enter() {
    lock.withLock {
      if state.users == 0 {
        state.threads = openblas_get_num_threads()
        openblas_set_num_threads(1)
      }
      state.users += 1
    }
  }

  static func leave() {
    lock.withLock {
      state.users -= 1
      if state.users == 0 { openblas_set_num_threads(state.threads) }
    }
  }
}
