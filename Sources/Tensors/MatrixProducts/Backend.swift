import CKernels
import COpenBLAS

/// What multiplies matrices and runs the kernels around the products, for people to read.
public enum Backend {
  /// Such as "OpenBLAS 0.3.21 with kernels for SkylakeX, own kernels for AVX-512, 2 threads".
  public static var description: String {
    let version = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
    let core = String(cString: openblas_get_corename())
    let threads = MatrixProducts.threads == 1 ? "1 thread" : "\(MatrixProducts.threads) threads"
    return "\(version) with kernels for \(core), own kernels for \(kernels), \(threads)"
  }

  /// The instruction set of the kernels around the products.
  public static var kernels: String { ["any processor", "AVX2", "AVX-512"][Int(msd_level())] }
}
