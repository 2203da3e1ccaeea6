import CKernels
import Tensors

/// The length of all gradients together, and how far they are scaled down to keep it below a limit.
package enum GradientNorm {
  /// Root of the sum of squares over all gradients, in double precision.
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

  /// What gradients are multiplied with so that their norm stays at most at `limit`: limit / (norm + 1e-6), never more
  /// than 1, as PyTorch clips.
  package static func scale(norm: Double, limit: Double?) -> Float {
    guard let limit else { return 1 }
    return Float(min(limit / (norm + 1e-6), 1))
  }
}
