/// Reverse-mode differentiation: operations on variables, and on results computed from them, are recorded as they run.
///
/// Tensors that depend on no variable carry no record, so that inference costs nothing extra.
public enum Tape {
  /// Turns a tensor into a variable: results computed from it have gradients with respect to it.
  public static func variable(_ tensor: Tensor) -> Tensor {
    tensor.with(node: TapeNode("variable", inputs: []) { _ in [] })
  }

  /// Gradients of a single number with respect to variables; zeros for those that it does not depend on.
  public static func gradients(of loss: Tensor, for variables: [Tensor]) -> [Tensor] {
    guard loss.count == 1 else { fail("gradients: expected a single number, found shape \(loss.shape)") }
    let nodes = variables.map { variable in
      guard let node = variable.node else { fail("gradients: a tensor of shape \(variable.shape) is not a variable") }
      return node
    }
    guard let root = loss.node else { return variables.map { .zeros($0.shape) } }
    var pass = BackwardPass(keeping: nodes)
    pass.add(.ones(loss.shape), to: root)
    pass.run(from: [root])
    return zip(nodes, variables).map { pass.gradient(of: $0) ?? .zeros($1.shape) }
  }
}

extension Tensor {
  /// Whether this tensor depends on a variable.
  public var isRecorded: Bool { node != nil }

  /// The tensor without its record.
  public var detached: Tensor { with(node: nil) }

  /// Records this tensor as the result of an operation, if any input is recorded.
  ///
  /// - Parameters:
  ///   - operation: The operation's name, for messages.
  ///   - inputs: The tensors it was computed from.
  ///   - gradients: Takes the gradient of the result and returns one gradient per input, in their order and of their
  ///     shapes; nil for an input that is not recorded. Tensors that it captures must be detached.
  package func recorded(
    _ operation: StaticString, from inputs: [Tensor], _ gradients: @escaping (Tensor) -> [Tensor?]
  ) -> Tensor {
    guard inputs.contains(where: \.isRecorded) else { return self }
    let inputs = inputs.map { TapeNode.Input(node: $0.node, shape: $0.shape) }
    return with(node: TapeNode(operation, inputs: inputs, gradients: gradients))
  }

  /// Sums over the axes along which a tensor of `shape` was broadcast to this one's shape.
  func summed(to shape: [Int]) -> Tensor {
    if shape == self.shape { return self }
    let missing = rank - shape.count
    let axes = self.shape.indices.filter { $0 < missing || shape[$0 - missing] != self.shape[$0] }
    return sum(axes: axes, keepingAxes: true).reshaped(shape)
  }
}
