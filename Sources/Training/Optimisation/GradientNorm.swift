import CKernels
import Tensors

/// The norm of all gradients together, and the factor that keeps it within a limit.
package enum GradientNorm {
  /// The root of the sum of squares over all gradients, in double precision.
  package static func global(_ gradients: [Tensor]) -> Double {
    var total = 0.0
    for gradient in gradients {
      gradient.withUnsafeBuffer {
        var sum = 0.0
        msd_squares($0.baseAddress, Int64($0.count), 0, &sum)
        total += sum
      }
    }
    return total.squareRoot()
  }

  /// The factor on gradients that keeps their norm within `limit`: limit / (norm + 1e-6), at most 1, as in PyTorch.
  package static func scale(norm: Double, limit: Double?) -> Float {
    guard let limit else { return 1 }
    return Float(min(limit / (norm + 1e-6), 1))
  }
}
