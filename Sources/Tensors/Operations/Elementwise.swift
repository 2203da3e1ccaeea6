import Foundation

extension Tensor {
  /// Applies `operation` to every value.
  @inline(__always)
  func mapped(_ operation: (Float) -> Float) -> Tensor {
    withPointers(self) { source in
      Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(buffer.count, cost: 1) { range in
          for index in range { target[index] = operation(source[index]) }
        }
      }
    }
  }

  /// Applies `operation` to pairs of values, broadcasting the shapes as NumPy does.
  @inline(__always)
  static func combined(_ a: Tensor, _ b: Tensor, _ name: String, _ operation: (Float, Float) -> Float) -> Tensor {
    withPointers(a, b) { x, y in
      if a.shape == b.shape {
        return Tensor(shape: a.shape) { buffer in
          guard let target = buffer.baseAddress else { return }
          parallel(buffer.count, cost: 1) { range in
            for index in range { target[index] = operation(x[index], y[index]) }
          }
        }
      }
      let shape = broadcastShape(a.shape, b.shape, operation: name)
      let xStrides = broadcastStrides(from: a.shape, to: shape, operation: name)
      let yStrides = broadcastStrides(from: b.shape, to: shape, operation: name)
      return Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress, let columns = shape.last, columns > 0 else {
          if shape.isEmpty { buffer[0] = operation(x[0], y[0]) }
          return
        }
        let outer = Array(shape.dropLast())
        let xStep = xStrides[shape.count - 1]
        let yStep = yStrides[shape.count - 1]
        parallel(buffer.count / columns, cost: columns) { rows in
          var index = unravelled(rows.lowerBound, outer)
          var other = index
          var xOffset = zip(index, xStrides).reduce(0) { $0 + $1.0 * $1.1 }
          var yOffset = zip(index, yStrides).reduce(0) { $0 + $1.0 * $1.1 }
          for row in rows {
            let (to, xRow, yRow) = (target + row * columns, x + xOffset, y + yOffset)
            switch (xStep, yStep) {
            case (1, 1): for column in 0..<columns { to[column] = operation(xRow[column], yRow[column]) }
            case (1, 0):
              let value = yRow[0]
              for column in 0..<columns { to[column] = operation(xRow[column], value) }
            case (0, 1):
              let value = xRow[0]
              for column in 0..<columns { to[column] = operation(value, yRow[column]) }
            default:
              let value = operation(xRow[0], yRow[0])
              for column in 0..<columns { to[column] = value }
            }
            advance(&index, in: outer, offset: &xOffset, strides: xStrides)
            advance(&other, in: outer, offset: &yOffset, strides: yStrides)
          }
        }
      }
    }
  }

  public static func + (a: Tensor, b: Tensor) -> Tensor {
    combined(a, b, "+") { $0 + $1 }
      .recorded("+", from: [a, b]) { [x = a.shape, y = b.shape] in [$0.summed(to: x), $0.summed(to: y)] }
  }

  public static func - (a: Tensor, b: Tensor) -> Tensor {
    combined(a, b, "-") { $0 - $1 }
      .recorded("-", from: [a, b]) { [x = a.shape, y = b.shape] in [$0.summed(to: x), (-$0).summed(to: y)] }
  }

  public static func * (a: Tensor, b: Tensor) -> Tensor {
    combined(a, b, "*") { $0 * $1 }
      .recorded("*", from: [a, b]) { [x = a.detached, y = b.detached, wants = [a.isRecorded, b.isRecorded]] gradient in
        [
          wants[0] ? (gradient * y).summed(to: x.shape) : nil,
          wants[1] ? (gradient * x).summed(to: y.shape) : nil,
        ]
      }
  }

  public static func / (a: Tensor, b: Tensor) -> Tensor {
    combined(a, b, "/") { $0 / $1 }
      .recorded("/", from: [a, b]) { [x = a.detached, y = b.detached, wants = [a.isRecorded, b.isRecorded]] gradient in
        [
          wants[0] ? (gradient / y).summed(to: x.shape) : nil,
          wants[1] ? (-(gradient * x) / (y * y)).summed(to: y.shape) : nil,
        ]
      }
  }

  public static func + (a: Tensor, b: Float) -> Tensor { a.mapped { $0 + b }.recorded("+", from: [a]) { [$0] } }
  public static func - (a: Tensor, b: Float) -> Tensor { a.mapped { $0 - b }.recorded("-", from: [a]) { [$0] } }
  public static func * (a: Tensor, b: Float) -> Tensor { a.mapped { $0 * b }.recorded("*", from: [a]) { [$0 * b] } }
  public static func / (a: Tensor, b: Float) -> Tensor { a.mapped { $0 / b }.recorded("/", from: [a]) { [$0 / b] } }
  public static func + (a: Float, b: Tensor) -> Tensor { b.mapped { a + $0 }.recorded("+", from: [b]) { [$0] } }
  public static func - (a: Float, b: Tensor) -> Tensor { b.mapped { a - $0 }.recorded("-", from: [b]) { [-$0] } }
  public static func * (a: Float, b: Tensor) -> Tensor { b.mapped { a * $0 }.recorded("*", from: [b]) { [$0 * a] } }
  public static func / (a: Float, b: Tensor) -> Tensor {
    b.mapped { a / $0 }.recorded("/", from: [b]) { [y = b.detached] in [$0 * (-a / (y * y))] }
  }
  public static prefix func - (a: Tensor) -> Tensor { a.mapped { -$0 }.recorded("-", from: [a]) { [-$0] } }

  /// e to the power of each value.
  public func exp() -> Tensor {
    let result = mapped { Foundation.exp($0) }
    return result.recorded("exp", from: [self]) { [$0 * result] }
  }

  /// Natural logarithm of each value.
  public func log() -> Tensor {
    mapped { Foundation.log($0) }.recorded("log", from: [self]) { [x = detached] in [$0 / x] }
  }

  /// Square root of each value.
  public func sqrt() -> Tensor {
    let result = mapped { $0.squareRoot() }
    return result.recorded("sqrt", from: [self]) { [$0 / (result * 2)] }
  }

  /// Each value times itself.
  public func square() -> Tensor {
    mapped { $0 * $0 }.recorded("square", from: [self]) { [x = detached] in [$0 * x * 2] }
  }

  /// Magnitude of each value; its gradient at 0 is 0.
  public func abs() -> Tensor {
    mapped { $0.magnitude }
      .recorded("abs", from: [self]) { [x = detached] in [$0 * x.mapped { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }] }
  }

  /// Sine of each value, in radians.
  public func sine() -> Tensor {
    mapped { Foundation.sin($0) }.recorded("sine", from: [self]) { [x = detached] in [$0 * x.cosine()] }
  }

  /// Cosine of each value, in radians.
  public func cosine() -> Tensor {
    mapped { Foundation.cos($0) }.recorded("cosine", from: [self]) { [x = detached] in [-($0 * x.sine())] }
  }

  /// Each value limited to `range`; NaN stays NaN. The gradient is 0 where a value was outside.
  public func clamped(to range: ClosedRange<Float>) -> Tensor {
    mapped { $0 < range.lowerBound ? range.lowerBound : $0 > range.upperBound ? range.upperBound : $0 }
      .recorded("clamped", from: [self]) { [x = detached] in [$0 * x.mapped { range.contains($0) ? 1 : 0 }] }
  }
}

/// The shape that two shapes broadcast to.
func broadcastShape(_ a: [Int], _ b: [Int], operation: String) -> [Int] {
  let rank = max(a.count, b.count)
  let x = [Int](repeating: 1, count: rank - a.count) + a
  let y = [Int](repeating: 1, count: rank - b.count) + b
  return zip(x, y).map { left, right in
    guard left == right || left == 1 || right == 1 else { fail("\(operation): shapes \(a) and \(b) do not broadcast") }
    return left == 1 ? right : left
  }
}
