import Tensors

/// A linear map of the last axis: `x Wᵀ + b`.
public struct Linear: Sendable {
  public let weight: Parameter
  public let bias: Parameter?

  /// - Parameters:
  ///   - inputs: width of the last axis before the map.
  ///   - outputs: width of the last axis after the map.
  /// - Throws: `ParameterError` if `weight` `[outputs, inputs]` or `bias` `[outputs]` is missing or has a different
  ///   shape.
  public init(_ scope: Scope, _ inputs: Int, _ outputs: Int, bias: Bool = true) throws {
    weight = try scope.parameter("weight", [outputs, inputs])
    self.bias = bias ? try scope.parameter("bias", [outputs]) : nil
  }

  /// `[…, inputs]` to `[…, outputs]`.
  public func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight: weight.operand, bias: bias?.value) }
}

/// A table of vectors, looked up by index.
public struct Embedding: Sendable {
  public let weight: Parameter

  /// - Throws: `ParameterError` if `weight` `[count, width]` is missing or has a different shape.
  public init(_ scope: Scope, count: Int, width: Int) throws {
    weight = try scope.parameter("weight", [count, width])
  }

  /// The vectors at these indices, `[N, width]`. Stops the program if an index is outside of the table.
  public func callAsFunction(_ ids: [Int]) -> Tensor { weight.rows(ids) }
}
