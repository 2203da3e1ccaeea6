import Tensors

/// A two-dimensional convolution over `[B, C, H, W]`.
public struct Conv2d: Sendable {
  public let weight: Parameter
  public let bias: Parameter?
  public let stride: Int
  public let padding: Int

  /// - Throws: `ParameterError` if `weight` `[outputs, inputs, kernel, kernel]` or `bias` is missing or has a
  ///   different shape.
  public init(
    _ scope: Scope, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, bias: Bool = true
  ) throws {
    weight = try scope.parameter("weight", [outputs, inputs, kernel, kernel])
    self.bias = bias ? try scope.parameter("bias", [outputs]) : nil
    (self.stride, self.padding) = (stride, padding)
  }

  /// `[B, inputs, H, W]` to `[B, outputs, H', W']`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.conv2d(weight: weight.operand, bias: bias?.value, stride: stride, padding: padding)
  }
}
