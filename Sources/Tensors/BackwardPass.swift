import CKernels

/// One backward pass: the gradients of one number with respect to everything that it was computed from.
struct BackwardPass {
  private var gradients: [ObjectIdentifier: Tensor] = [:]
  /// Nodes still to be visited, in the order of their numbers: the latest operation is last.
  private var pending: [TapeNode] = []
  /// The nodes in `pending`. A visited node is removed: it may be freed, and a new node may get its address.
  private var queued: Set<ObjectIdentifier> = []
  /// Gradients of the results of checkpointed computations, by checkpoint node.
  private var results: [ObjectIdentifier: [(index: Int, gradient: Tensor)]] = [:]
  /// Nodes whose gradients the caller wants; other gradients are released after use.
  private let kept: Set<ObjectIdentifier>

  init(keeping nodes: [TapeNode]) { kept = Set(nodes.map { ObjectIdentifier($0) }) }

  func gradient(of node: TapeNode) -> Tensor? { gradients[ObjectIdentifier(node)] }

  mutating func add(_ gradient: Tensor, to node: TapeNode) {
    let id = ObjectIdentifier(node)
    if let sum = gradients.removeValue(forKey: id) {
      gradients[id] = sum.adding(gradient)
    } else {
      gradients[id] = gradient
    }
  }

  /// Propagates gradients from these nodes to their inputs, the latest operation first.
  mutating func run(from roots: [TapeNode]) {
    enqueue(roots)
    while let node = pending.popLast() {
      let id = ObjectIdentifier(node)
      queued.remove(id)
      if let checkpoint = node as? CheckpointNode {
        guard let results = results.removeValue(forKey: id) else { continue }
        enqueue(checkpoint.rerun(results, in: &self))
        continue
      }
      guard let gradient = kept.contains(id) ? gradients[id] : gradients.removeValue(forKey: id) else { continue }
      if let result = node as? CheckpointResult {
        results[ObjectIdentifier(result.checkpoint), default: []].append((result.index, gradient))
      } else {
        for (input, gradient) in node.gradients(from: gradient) { add(gradient, to: input) }
      }
    }
  }

  /// Adds nodes, and all nodes that they depend on, to `pending`, and sorts it by number.
  private mutating func enqueue(_ roots: [TapeNode]) {
    var open = roots.filter { queued.insert(ObjectIdentifier($0)).inserted }
    if open.isEmpty { return }
    while let node = open.popLast() {
      pending.append(node)
      for input in node.inputs {
        if let next = input.node, queued.insert(ObjectIdentifier(next)).inserted { open.append(next) }
      }
    }
    pending.sort { $0.number < $1.number }
  }
}

extension Tensor {
  /// Adds a gradient of the same shape, in place if no other tensor shares this one's memory.
  fileprivate consuming func adding(_ other: Tensor) -> Tensor {
    var sum = self
    sum.withUnsafeMutableBuffer { target in
      other.withUnsafeBuffer { source in
        let (to, from) = (target.baseAddress, source.baseAddress)
        parallel(target.count, cost: 1) { range in
          guard let to, let from else { return }
          msd_add(from + range.lowerBound, to + range.lowerBound, Int64(range.count))
        }
      }
    }
    return sum
  }
}
