import CKernels
import Foundation

extension Tensor {
  /// Hyperbolic tangent of each value.
  public func tanh() -> Tensor {
    let result = mapped { Foundation.tanh($0) }
    return result.recorded("tanh", from: [self]) { [$0 * (1 - result * result)] }
  }

  /// σ(x) = 1 / (1 + e^-x) of each value.
  public func sigmoid() -> Tensor {
    let result = mapped(logistic)
    return result.recorded("sigmoid", from: [self]) { [$0 * result * (1 - result)] }
  }

  /// x·σ(x) of each value, also called swish.
  public func silu() -> Tensor { activated("silu", by: msd_silu, gradient: msd_silu_gradient) }

  /// x·Φ(x) of each value with the exact error function.
  public func gelu() -> Tensor { activated("gelu", by: msd_gelu, gradient: msd_gelu_gradient) }

  /// The tanh approximation of GELU.
  public func geluTanh() -> Tensor {
    let (a, b): (Float, Float) = (0.797_884_56, 0.044715)
    return mapped { 0.5 * $0 * (1 + Foundation.tanh(a * ($0 + b * $0 * $0 * $0))) }
      .recorded("geluTanh", from: [self]) { [x = detached] gradient in
        [
          gradient
            * x.mapped { x in
              let t = Foundation.tanh(a * (x + b * x * x * x))
              return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * a * (1 + 3 * b * x * x)
            }
        ]
      }
  }

  /// x·σ(1.702x), the approximation of GELU that CLIP-L was trained with.
  public func quickGELU() -> Tensor {
    activated("quickGELU", by: msd_quick_gelu, gradient: msd_quick_gelu_gradient)
  }

  /// Splits the last axis into halves a and b and returns a·GELU(b).
  public func geglu() -> Tensor {
    guard let width = shape.last, width % 2 == 0 else { fail("geglu: the last axis of \(shape) cannot be halved") }
    let half = width / 2
    return withPointers(self) { source in
      Tensor(shape: Array(shape.dropLast()) + [half]) { buffer in
        guard let target = buffer.baseAddress, half > 0 else { return }
        parallel(buffer.count / half, cost: half * 8) { rows in
          msd_geglu(source + rows.lowerBound * width, target + rows.lowerBound * half, Int64(rows.count), Int64(half))
        }
      }
    }
    .recorded("geglu", from: [self]) { [shape, x = detached] gradient in
      let ofInput = withPointers(x, gradient) { x, gradient in
        Tensor(shape: shape) { buffer in
          guard let target = buffer.baseAddress, half > 0 else { return }
          parallel(buffer.count / width, cost: half * 16) { rows in
            msd_geglu_gradient(
              x + rows.lowerBound * width, gradient + rows.lowerBound * half, target + rows.lowerBound * width,
              Int64(rows.count), Int64(half))
          }
        }
      }
      return [ofInput]
    }
  }

  /// A kernel that takes input, gradient of the result, memory for the gradient of the input, and their count.
  private typealias GradientKernel = (
    UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64
  ) -> Void

  /// Applies a kernel to every value, and records the kernel of its gradient.
  private func activated(
    _ name: StaticString, by kernel: @escaping (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void,
    gradient gradientKernel: @escaping GradientKernel
  ) -> Tensor {
    withPointers(self) { source in
      Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(buffer.count, cost: 8) { kernel(source + $0.lowerBound, target + $0.lowerBound, Int64($0.count)) }
      }
    }
    .recorded(name, from: [self]) { [shape, x = detached] gradient in
      let ofInput = withPointers(x, gradient) { x, gradient in
        Tensor(shape: shape) { buffer in
          guard let target = buffer.baseAddress else { return }
          parallel(buffer.count, cost: 16) {
            gradientKernel(x + $0.lowerBound, gradient + $0.lowerBound, target + $0.lowerBound, Int64($0.count))
          }
        }
      }
      return [ofInput]
    }
  }
}

@inline(__always)
private func logistic(_ x: Float) -> Float { 1 / (1 + Foundation.exp(-x)) }
