/// A part of a computation whose intermediate results were released; the backward pass computes them a second time.
final class CheckpointNode: TapeNode, @unchecked Sendable {
  private let body: () -> [Tensor]

  init(_ body: @escaping () -> [Tensor]) {
    self.body = body
    super.init("checkpoint", inputs: []) { _ in [] }
  }

  /// Runs the body again and hands the gradients of its results to the new record.
  /// - Returns: the nodes that the new record ends with, from which the pass goes on.
  func rerun(_ results: [(index: Int, gradient: Tensor)], in pass: inout BackwardPass) -> [TapeNode] {
    let again = body()
    return results.compactMap { index, gradient in
      guard let node = again[index].node else { return nil }
      pass.add(gradient, to: node)
      return node
    }
  }
}

/// One result of such a part.
final class CheckpointResult: TapeNode, @unchecked Sendable {
  let checkpoint: CheckpointNode
  /// Its index among the results of the body.
  let index: Int

  init(_ checkpoint: CheckpointNode, index: Int, shape: [Int]) {
    (self.checkpoint, self.index) = (checkpoint, index)
    super.init("checkpoint result", inputs: [Input(node: checkpoint, shape: shape)]) { _ in [] }
  }
}

extension Tape {
  /// Runs a body without keeping the intermediate results that its gradients need: the backward pass runs it a second
  /// time (activation checkpointing). That saves memory at the price of time, and changes no bit of results and
  /// gradients.
  ///
  /// The body may use recorded tensors and weights from outside; they get their gradients as usual. It must return the
  /// same results each time it runs, until ``gradients(of:for:)`` has returned. An observer of the body sees it twice,
  /// and a tensor that leaves it other than as a result keeps its record alive.
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

  /// The same with one result.
  public static func checkpointed(_ body: @escaping () -> Tensor) -> Tensor { checkpointed { [body()] }[0] }
}
