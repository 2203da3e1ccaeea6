import Tensors

/// Weights held in memory, by key.
public final class TensorSource: ParameterSource, @unchecked Sendable {
  private let tensors: [String: Tensor]
  private let name: String

  /// - Parameter name: Name of the source in error messages.
  public init(_ tensors: [String: Tensor], name: String) { (self.tensors, self.name) = (tensors, name) }

  public func shape(of key: String) -> [Int]? { tensors[key]?.shape }

  public func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    guard let tensor = tensors[key] else { throw ParameterError.missing(key: key, shape: shape, source: name) }
    guard tensor.shape == shape else {
      throw ParameterError.wrongShape(key: key, expected: shape, found: tensor.shape, source: name)
    }
    return Parameter(key, tensor)
  }
}
