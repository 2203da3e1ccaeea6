import CKernels
import COpenBLAS

/// One operand of a matrix product, in place in memory: row-major, possibly part of a wider matrix.
struct Matrix {
  let values: UnsafePointer<Float>
  /// Number of values between the starts of two consecutive rows.
  let stride: Int
  private(set) var isTransposed = false

  init(_ values: UnsafePointer<Float>, stride: Int, isTransposed: Bool = false) {
    (self.values, self.stride, self.isTransposed) = (values, stride, isTransposed)
  }

  /// The transposed matrix: this memory, read with rows and columns exchanged.
  var transposed: Matrix {
    var other = self
    other.isTransposed.toggle()
    return other
  }
}

/// The one place that multiplies matrices: every operation calls it, and nothing else calls OpenBLAS or oneDNN.
enum MatrixProducts {
  /// C = A·Wᵀ + beta·C, for a weight W of shape [columns, inner]. Each thread widens its rows of a stored weight to float32
  /// itself, one block along the axis `inner` at a time.
  ///
  /// - Parameters:
  ///   - a: [rows, inner].
  ///   - c: [rows, columns].
  static func multiply(
    _ a: UnsafePointer<Float>, rows: Int, by weight: Weight, into c: UnsafeMutablePointer<Float>, beta: Float
  ) {
    let (columns, inner) = (weight.shape[0], weight.shape[1])
    guard case .stored(let stored) = weight else {
      return withPointers(weight.tensor) { w in
        multiply(
          Matrix(a, stride: inner), Matrix(w, stride: inner).transposed, into: c, stride: columns, rows: rows,
          columns: columns, inner: inner, beta: beta)
      }
    }
    guard inner > 0 else { return }
    parallel(columns, cost: (rows / 16 + 1) * inner) { range in
      // Blocks along the sum, so that each number of A is packed only once.
      let depth = min(inner, max(1, blockElements / range.count / blockStep) * blockStep)
      withPointers(Storage(count: range.count * depth)) { widened in
        for first in Swift.stride(from: 0, to: inner, by: depth) {
          let count = min(depth, inner - first)
          stored.widen(rows: range, columns: first..<first + count, ofWidth: inner, into: widened)
          multiply(
            Matrix(a + first, stride: inner), Matrix(widened, stride: count).transposed, into: c + range.lowerBound,
            stride: columns, rows: rows, columns: range.count, inner: count, beta: first == 0 ? beta : 1)
        }
      }
    }
  }

  /// About how many numbers are widened at once: 4 MiB in float32.
  private static let blockElements = 1 << 20
  /// OpenBLAS itself divides the sum into blocks of this depth, so dividing at multiples of it costs nothing extra.
  private static let blockStep = 384

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
    // Read even if it is not needed here: its first use keeps OpenBLAS from starting threads of its own.
    let limit = threads
    let tiles = msd_is_alone() != 0 ? 1 : min(limit, rows * columns * inner / leastWork)
    let product = MatrixProduct(
      a: a, b: b, c: c, stride: stride, rows: rows, columns: columns, inner: inner, alpha: alpha, beta: beta)
    product.run(tiles: tiles)
  }

  /// How many threads multiply: as many as OpenBLAS would use, so `OPENBLAS_NUM_THREADS` bounds it. OpenBLAS itself
  /// multiplies on the calling thread from now on. Otherwise its threads would keep processors busy waiting
  /// for work while ours run, and ours while its threads run.
  static let threads: Int = {
    let threads = Int(openblas_get_num_threads())
    openblas_set_num_threads(1)
    return max(1, min(threads, threadCount))
  }()

  /// The smallest number of multiplications that is worth a thread: some 10 microseconds.
  private static let leastWork = 1 << 19
}

/// One product, alpha·A·B + beta·C into C.
struct MatrixProduct {
  let a, b: Matrix
  let c: UnsafeMutablePointer<Float>
  let stride, rows, columns, inner: Int
  let alpha, beta: Float
  var backend = Backend.chosen

  /// Computes C in tiles, each on one thread.
  func run(tiles: Int) {
    guard tiles > 1 else { return compute(rows: 0..<rows, columns: 0..<columns) }
    // Whichever side is divided, each thread packs all of the other operand, so that should be the smaller one.
    let isTall = rows >= columns
    let length = isTall ? rows : columns
    /// Tiles begin at multiples of what OpenBLAS computes at once.
    func edge(_ tile: Int) -> Int { tile == tiles ? length : length * tile / tiles / 16 * 16 }
    onPool(tiles) { tile in
      let part = edge(tile)..<edge(tile + 1)
      compute(rows: isTall ? part : 0..<rows, columns: isTall ? 0..<columns : part)
    }
  }

  private func compute(rows: Range<Int>, columns: Range<Int>) {
    guard !rows.isEmpty, !columns.isEmpty else { return }
    if backend != .openBLAS, inner > 0, computeByOneDNN(rows: rows, columns: columns) { return }
    let own = a.values + rows.lowerBound * (a.isTransposed ? 1 : a.stride)
    let other = b.values + columns.lowerBound * (b.isTransposed ? b.stride : 1)
    cblas_sgemm(
      CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
      Int32(rows.count), Int32(columns.count), Int32(inner), alpha, own, Int32(max(a.stride, 1)), other,
      Int32(max(b.stride, 1)), beta, c + rows.lowerBound * stride + columns.lowerBound, Int32(max(stride, 1)))
  }
}
