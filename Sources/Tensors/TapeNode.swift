import Synchronization

/// One recorded operation: the nodes of its inputs, and the function from the gradient of its result to those of
/// its inputs.
class TapeNode: @unchecked Sendable {
  struct Input {
    /// The operation that computed the input; nil if the input depends on no variable.
    let node: TapeNode?
    let shape: [Int]
  }

  /// Rises with every operation, so that results come after their inputs.
  let number: Int
  let operation: StaticString
  let inputs: [Input]
  private let makeGradients: (Tensor) -> [Tensor?]

  private static let counter = Atomic(0)

  init(_ operation: StaticString, inputs: [Input], gradients: @escaping (Tensor) -> [Tensor?]) {
    number = Self.counter.add(1, ordering: .relaxed).newValue
    (self.operation, self.inputs, makeGradients) = (operation, inputs, gradients)
  }

  /// The gradients of the recorded inputs, from the gradient of the result.
  func gradients(from gradient: Tensor) -> [(input: TapeNode, gradient: Tensor)] {
    let gradients = makeGradients(gradient)
    guard gradients.count == inputs.count else {
      fail("\(operation): expected a gradient for each of \(inputs.count) inputs, found \(gradients.count)")
    }
    return inputs.indices.compactMap { index in
      guard let node = inputs[index].node else { return nil }
      guard let gradient = gradients[index] else {
        fail("\(operation): input \(index) is recorded, but the operation returned no gradient for it")
      }
      guard gradient.shape == inputs[index].shape else {
        fail("\(operation): input \(index) has shape \(inputs[index].shape), its gradient \(gradient.shape)")
      }
      return (node, gradient)
    }
  }
}
