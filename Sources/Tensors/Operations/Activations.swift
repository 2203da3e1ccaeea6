import CKernels
import Foundation

extension Tensor {
  /// Hyperbolic tangent of each value.
  public func tanh() -> Tensor {
    let result = mapped { Foundation.tanh($0) }
    return result.recorded(from: [self]) { [$0 * (1 - result * result)] }
  }

  /// σ(x) = 1 / (1 + e^-x) of each value.
  public func sigmoid() -> Tensor {
    let result = mapped(logistic)
    return result.recorded(from: [self]) { [$0 * result * (1 - result)] }
  }

  /// x·σ(x) of each value, also called swish.
  public func silu() -> Tensor { activated(by: msd_silu, slope: msd_silu_slope) }

  /// x·Φ(x) of each value with the exact error function.
  public func gelu() -> Tensor { activated(by: msd_gelu, slope: msd_gelu_slope) }

  /// The tanh approximation of GELU.
  public func geluTanh() -> Tensor {
    let (a, b): (Float, Float) = (0.797_884_56, 0.044715)
    return mapped { 0.5 * $0 * (1 + Foundation.tanh(a * ($0 + b * $0 * $0 * $0))) }
      .recorded(from: [self]) { [x = detached] derivative in
        [
          derivative
            * x.mapped { x in
              let t = Foundation.tanh(a * (x + b * x * x * x))
              return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * a * (1 + 3 * b * x * x)
            }
        ]
      }
  }

  /// x·σ(1.702x), the approximation of GELU that CLIP-L was trained with.
  public func quickGELU() -> Tensor { activated(by: msd_quick_gelu, slope: msd_quick_gelu_slope) }

  /// Splits the last axis into halves a and b and gives a·GELU(b).
  public func geglu() -> Tensor {
    guard let width = shape.last, width % 2 == 0 else { fail("geglu: the last axis of \(shape) has no halves") }
    let half = width / 2
    let source = pointer
    defer { withExtendedLifetime(storage) {} }
    return Tensor(shape: Array(shape.dropLast()) + [half]) { buffer in
      guard let target = buffer.baseAddress, half > 0 else { return }
      parallel(buffer.count / half, cost: half * 8) { rows in
        msd_geglu(source + rows.lowerBound * width, target + rows.lowerBound * half, Int64(rows.count), Int64(half))
      }
    }
    .recorded(from: [self]) { [x = detached] derivative in
      [
        Tensor(shape: x.shape) { buffer in
          guard let target = buffer.baseAddress, half > 0 else { return }
          let (source, slope) = (x.pointer, derivative.pointer)
          parallel(derivative.count / half, cost: half * 16) { rows in
            msd_geglu_slope(
              source + rows.lowerBound * width, slope + rows.lowerBound * half, target + rows.lowerBound * width,
              Int64(rows.count), Int64(half))
          }
          withExtendedLifetime((x.storage, derivative.storage)) {}
        }
      ]
    }
  }
}

extension Tensor {
  /// A kernel on every value, and the kernel of its derivative.
  private func activated(
    by kernel: @escaping (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void,
    slope: @escaping (UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void
  ) -> Tensor {
    let source = pointer
    defer { withExtendedLifetime(storage) {} }
    return Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress else { return }
      parallel(buffer.count, cost: 8) { kernel(source + $0.lowerBound, target + $0.lowerBound, Int64($0.count)) }
    }
    .recorded(from: [self]) { [x = detached] derivative in
      [
        Tensor(shape: x.shape) { buffer in
          guard let target = buffer.baseAddress else { return }
          let (source, given) = (x.pointer, derivative.pointer)
          parallel(buffer.count, cost: 16) {
            slope(source + $0.lowerBound, given + $0.lowerBound, target + $0.lowerBound, Int64($0.count))
          }
          withExtendedLifetime((x.storage, derivative.storage)) {}
        }
      ]
    }
  }
}

@inline(__always)
private func logistic(_ x: Float) -> Float { 1 / (1 + Foundation.exp(-x)) }
