import CKernels
import Foundation

extension Tensor {
  /// Hyperbolic tangent of each value.
  public func tanh() -> Tensor { mapped { Foundation.tanh($0) } }

  /// σ(x) = 1 / (1 + e^-x) of each value.
  public func sigmoid() -> Tensor { mapped(logistic) }

  /// x·σ(x) of each value, also called swish.
  public func silu() -> Tensor { mapped(by: msd_silu) }

  /// x·Φ(x) of each value with the exact error function.
  public func gelu() -> Tensor { mapped(by: msd_gelu) }

  /// The tanh approximation of GELU.
  public func geluTanh() -> Tensor {
    mapped { 0.5 * $0 * (1 + Foundation.tanh(0.797_884_56 * ($0 + 0.044715 * $0 * $0 * $0))) }
  }

  /// x·σ(1.702x), the approximation of GELU that CLIP-L was trained with.
  public func quickGELU() -> Tensor { mapped(by: msd_quick_gelu) }

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
