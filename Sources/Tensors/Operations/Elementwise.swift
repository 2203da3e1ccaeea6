import Foundation

extension Tensor {
  /// `operation` on every value.
  @inline(__always)
  func mapped(_ operation: (Float) -> Float) -> Tensor {
    let source = pointer
    defer { withExtendedLifetime(storage) {} }
    return Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress else { return }
      parallel(buffer.count, cost: 1) { range in
        for index in range { target[index] = operation(source[index]) }
      }
    }
  }

  /// `operation` on pairs of values, the shapes broadcast against each other as NumPy does.
  @inline(__always)
  static func combined(_ a: Tensor, _ b: Tensor, _ name: String, _ operation: (Float, Float) -> Float) -> Tensor {
    let (x, y) = (a.pointer, b.pointer)
    defer { withExtendedLifetime((a.storage, b.storage)) {} }
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

  public static func + (a: Tensor, b: Tensor) -> Tensor { combined(a, b, "+") { $0 + $1 } }
  public static func - (a: Tensor, b: Tensor) -> Tensor { combined(a, b, "-") { $0 - $1 } }
  public static func * (a: Tensor, b: Tensor) -> Tensor { combined(a, b, "*") { $0 * $1 } }
  public static func / (a: Tensor, b: Tensor) -> Tensor { combined(a, b, "/") { $0 / $1 } }

  public static func + (a: Tensor, b: Float) -> Tensor { a.mapped { $0 + b } }
  public static func - (a: Tensor, b: Float) -> Tensor { a.mapped { $0 - b } }
  public static func * (a: Tensor, b: Float) -> Tensor { a.mapped { $0 * b } }
  public static func / (a: Tensor, b: Float) -> Tensor { a.mapped { $0 / b } }
  public static func + (a: Float, b: Tensor) -> Tensor { b.mapped { a + $0 } }
  public static func - (a: Float, b: Tensor) -> Tensor { b.mapped { a - $0 } }
  public static func * (a: Float, b: Tensor) -> Tensor { b.mapped { a * $0 } }
  public static func / (a: Float, b: Tensor) -> Tensor { b.mapped { a / $0 } }
  public static prefix func - (a: Tensor) -> Tensor { a.mapped { -$0 } }

  /// e to the power of each value.
  public func exp() -> Tensor { mapped { Foundation.exp($0) } }
  /// Natural logarithm of each value.
  public func log() -> Tensor { mapped { Foundation.log($0) } }
  /// Square root of each value.
  public func sqrt() -> Tensor { mapped { $0.squareRoot() } }
  /// Each value times itself.
  public func square() -> Tensor { mapped { $0 * $0 } }
  /// Magnitude of each value.
  public func abs() -> Tensor { mapped { $0.magnitude } }
  /// Sine of each value, in radians.
  public func sine() -> Tensor { mapped { Foundation.sin($0) } }
  /// Cosine of each value, in radians.
  public func cosine() -> Tensor { mapped { Foundation.cos($0) } }
  /// Each value moved into `range`; NaN stays NaN.
  public func clamped(to range: ClosedRange<Float>) -> Tensor {
    mapped { $0 < range.lowerBound ? range.lowerBound : $0 > range.upperBound ? range.upperBound : $0 }
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
