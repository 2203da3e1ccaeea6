import Tensors

/// Normalisation over the last axis, with a learned scale and shift.
public struct LayerNorm: Sendable {
  public let weight: Parameter
  public let bias: Parameter
  public let epsilon: Float

  /// - Throws: `ParameterError` if `weight` `[width]` or `bias` `[width]` is missing or has a different shape.
  public init(_ scope: Scope, _ width: Int, epsilon: Float = 1e-5) throws {
    weight = try scope.parameter("weight", [width])
    bias = try scope.parameter("bias", [width])
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(weight: weight.value, bias: bias.value, epsilon: epsilon)
  }
}

/// Normalisation over groups of channels of `[B, C, …]`, with a learned scale and shift per channel.
public struct GroupNorm: Sendable {
  public let weight: Parameter
  public let bias: Parameter
  public let groups: Int
  public let epsilon: Float

  /// - Throws: `ParameterError` if `groups` does not divide `channels`, or if `weight` `[channels]` or `bias`
  ///   `[channels]` is missing or has a different shape.
  public init(_ scope: Scope, channels: Int, groups: Int, epsilon: Float) throws {
    guard groups > 0, channels % groups == 0 else {
      throw ParameterError.unsupported(
        component: scope.path, option: "norm_num_groups", found: "\(groups)",
        supported: "a divisor of the number of channels, \(channels)")
    }
    weight = try scope.parameter("weight", [channels])
    bias = try scope.parameter("bias", [channels])
    (self.groups, self.epsilon) = (groups, epsilon)
  }

  /// - Parameter silu: whether SiLU is applied afterwards, in the same pass.
  public func callAsFunction(_ x: Tensor, silu: Bool = false) -> Tensor {
    x.groupNorm(groups: groups, weight: weight.value, bias: bias.value, epsilon: epsilon, silu: silu)
  }
}
