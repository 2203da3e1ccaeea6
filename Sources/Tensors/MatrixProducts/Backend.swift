import CKernels
import COpenBLAS
import Foundation

/// What multiplies matrices and runs the kernels around the products.
public enum Backend: String, Sendable, CaseIterable {
  /// OpenBLAS in float32, the default.
  case openBLAS = "openblas"
  /// oneDNN in float32.
  case oneDNN = "onednn"
  /// oneDNN, with both operands of larger products rounded to bfloat16 and sums in float32.
  case bfloat16

  /// The backend that the environment variable `MSDIFFUSION_PRODUCTS` names. Stops the program if there is no such
  /// backend, or if it needs oneDNN and that is not installed.
  public static let chosen: Backend = {
    guard let name = ProcessInfo.processInfo.environment[variable], !name.isEmpty else { return .openBLAS }
    guard let backend = Backend(rawValue: name) else {
      fail("\(variable): expected \(allCases.map(\.rawValue).joined(separator: ", ")), found '\(name)'")
    }
    guard backend == .openBLAS || hasOneDNN else {
      fail(
        "\(variable): '\(name)' needs oneDNN 2, found none; install Debian's libdnnl-dev and build again, or leave the "
          + "variable out")
    }
    return backend
  }()

  static let variable = "MSDIFFUSION_PRODUCTS"

  /// Whether oneDNN was installed when the package was built, and still is.
  public static var hasOneDNN: Bool { msd_onednn_version() != nil }

  /// Such as "OpenBLAS 0.3.21 with kernels for SkylakeX, own kernels for AVX-512, 2 threads".
  public static var description: String {
    let threads = MatrixProducts.threads == 1 ? "1 thread" : "\(MatrixProducts.threads) threads"
    return "\(products), own kernels for \(kernels), \(threads)"
  }

  private static var products: String {
    guard chosen == .openBLAS else {
      let version = msd_onednn_version().map { String(cString: $0) } ?? ""
      return "oneDNN \(version) in \(chosen == .bfloat16 ? "bfloat16" : "float32")"
    }
    let version = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
    return "\(version) with kernels for \(String(cString: openblas_get_corename()))"
  }

  /// The instruction set of the kernels around the products.
  public static var kernels: String { ["any processor", "AVX2", "AVX-512"][Int(msd_level())] }
}
