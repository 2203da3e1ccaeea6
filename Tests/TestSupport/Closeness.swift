import Tensors

extension Tensor {
  /// Whether shapes are equal and no value differs by more than `absolute`.
  package func isClose(to other: Tensor, absolute: Float) -> Bool {
    shape == other.shape && zip(values, other.values).allSatisfy { ($0 - $1).magnitude <= absolute }
  }

  /// Whether shapes are equal and no value differs by more than `relative` times the other's largest magnitude.
  package func isClose(to other: Tensor, relative: Float) -> Bool {
    isClose(to: other, absolute: relative * (other.values.map(\.magnitude).max() ?? 0))
  }
}
