/// A part of a computation whose inner results were let go of; they are made again when their derivatives are asked for.
final class CheckpointNode: TapeNode, @unchecked Sendable {
  private let body: () -> [Tensor]

  init(_ body: @escaping () -> [Tensor]) {
    self.body = body
    super.init(inputs: []) { _ in [] }
  }

  /// Runs the body again and hands the derivatives of its results to the new record.
  /// - Returns: what the record begins with.
  func unfold(_ results: [(place: Int, derivative: Tensor)], in pass: inout BackwardPass) -> [TapeNode] {
    let again = body()
    return results.compactMap { place, derivative in
      guard let node = again[place].node else { return nil }
      pass.add(derivative, to: node)
      return node
    }
  }
}

/// A result of such a part.
final class CheckpointResult: TapeNode, @unchecked Sendable {
  let checkpoint: CheckpointNode
  /// Its place among what the body gives.
  let place: Int

  init(_ checkpoint: CheckpointNode, place: Int) {
    (self.checkpoint, self.place) = (checkpoint, place)
    super.init(inputs: [checkpoint]) { _ in [] }
  }
}

extension Tape {
  /// Runs a body without keeping what its derivatives need: they run it a second time (activation checkpointing). That
  /// saves memory at the price of time, and changes no bit of results and gradients.
  ///
  /// The body may use any recorded tensors and weights from outside, whose derivatives it reaches as ever; it has to give
  /// the same whenever it runs, until ``gradients(of:for:)`` has returned. Whoever watches it sees it twice, and what it
  /// hands out otherwise than as a result keeps its record alive.
  public static func checkpointed(_ body: @escaping () -> [Tensor]) -> [Tensor] {
    let results = body()
    guard results.contains(where: \.isRecorded) else { return results }
    let checkpoint = CheckpointNode(body)
    var known: [ObjectIdentifier: CheckpointResult] = [:]
    return results.enumerated().map { place, result in
      guard let inner = result.node else { return result }
      // A result that is given twice collects its derivatives in one place, as it would without a checkpoint.
      let node = known[ObjectIdentifier(inner)] ?? CheckpointResult(checkpoint, place: place)
      known[ObjectIdentifier(inner)] = node
      return result.with(node: node)
    }
  }

  /// The same with one result.
  public static func checkpointed(_ body: @escaping () -> Tensor) -> Tensor { checkpointed { [body()] }[0] }
}
