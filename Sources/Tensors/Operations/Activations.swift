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
  public func silu() -> Tensor {
    mapped(by: msd_silu).recorded(from: [self]) { [x = detached] derivative in
      [derivative * x.mapped { logistic($0) * (1 + $0 * (1 - logistic($0))) }]
    }
  }

  /// x·Φ(x) of each value with the exact error function.
  public func gelu() -> Tensor {
    mapped(by: msd_gelu).recorded(from: [self]) { [x = detached] in [$0 * x.mapped(geluSlope)] }
  }

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
  public func quickGELU() -> Tensor {
    mapped(by: msd_quick_gelu).recorded(from: [self]) { [x = detached] derivative in
      [
        derivative
          * x.mapped { x in
            let s = logistic(1.702 * x)
            return s * (1 + 1.702 * x * (1 - s))
          }
      ]
    }
  }

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
      let parts = x.split(axis: x.rank - 1, sizes: [half, half])
      return [
        .concatenated(
          [derivative * parts[1].gelu(), derivative * parts[0] * parts[1].mapped(geluSlope)], axis: x.rank - 1)
      ]
    }
  }
}

extension Tensor {
  /// A kernel on every value.
  private func mapped(by kernel: (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void) -> Tensor {
    let source = pointer
    defer { withExtendedLifetime(storage) {} }
    return Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress else { return }
      parallel(buffer.count, cost: 8) { kernel(source + $0.lowerBound, target + $0.lowerBound, Int64($0.count)) }
    }
  }
}

@inline(__always)
private func logistic(_ x: Float) -> Float { 1 / (1 + Foundation.exp(-x)) }

/// Derivative of x·Φ(x): Φ(x) + x·φ(x).
private func geluSlope(_ x: Float) -> Float {
  0.5 * (1 + Foundation.erf(x * 0.707_106_77)) + x * 0.398_942_28 * Foundation.exp(-0.5 * x * x)
}
