/// A checkpointed computation: its intermediate results were released, and the backward pass computes them again.
final class CheckpointNode: TapeNode, @unchecked Sendable {
  private let body: () -> [Tensor]

  init(_ body: @escaping () -> [Tensor]) {
    self.body = body
    super.init("checkpoint", inputs: []) { _ in [] }
  }

  /// Runs the body again, which records it, and adds the gradients of its results to the new nodes.
  /// - Returns: The nodes of the new results, from which the pass continues.
  func rerun(_ results: [(index: Int, gradient: Tensor)], in pass: inout BackwardPass) -> [TapeNode] {
    let again = body()
    return results.compactMap { index, gradient in
      guard let node = again[index].node else { return nil }
      pass.add(gradient, to: node)
      return node
    }
  }
}

/// One result of a checkpointed computation.
final class CheckpointResult: TapeNode, @unchecked Sendable {
  let checkpoint: CheckpointNode
  /// Index among the body's results.
  let index: Int

  init(_ checkpoint: CheckpointNode, index: Int, shape: [Int]) {
    (self.checkpoint, self.index) = (checkpoint, index)
    super.init("checkpoint result", inputs: [Input(node: checkpoint, shape: shape)]) { _ in [] }
  }
}

extension Tape {
  /// Runs a body without keeping the intermediate results that its gradients need: the backward pass runs it again
  /// (activation checkpointing). This saves memory and costs time; results and gradients are bit-identical.
  ///
  /// The body may use recorded tensors and weights from outside; they get their gradients as usual. Until
  /// ``gradients(of:for:)`` has returned, it must return the same results each time it runs. An observer inside the body
  /// is called twice. A tensor that leaves the body other than as a result keeps its whole record in memory.
  public static func checkpointed(_ body: @escaping () -> [Tensor]) -> [Tensor] {
    let results = body()
    guard results.contains(where: \.isRecorded) else { return results }
    let checkpoint = CheckpointNode(body)
    var known: [ObjectIdentifier: CheckpointResult] = [:]
    return results.enumerated().map { index, result in
      guard let inner = result.node else { return result }
      // A tensor that is returned twice collects its gradients in one node, as it would without a checkpoint.
      let node = known[ObjectIdentifier(inner)] ?? CheckpointResult(checkpoint, index: index, shape: result.shape)
      known[ObjectIdentifier(inner)] = node
      return result.with(node: node)
    }
  }

  /// Runs a body with one result without keeping its intermediate results.
  public static func checkpointed(_ body: @escaping () -> Tensor) -> Tensor { checkpointed { [body()] }[0] }
}
