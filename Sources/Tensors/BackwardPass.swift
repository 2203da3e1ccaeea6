import CKernels

/// The gradients of one number, collected from results to the inputs they were made from.
struct BackwardPass {
  private var gradients: [ObjectIdentifier: Tensor] = [:]
  /// Nodes still to be visited, the latest operation last.
  private var waiting: [TapeNode] = []
  /// The nodes in `waiting`. A visited node is removed: it may be freed, and a new node may take over its address.
  private var known: Set<ObjectIdentifier> = []
  /// Gradients of the results of checkpointed parts, by part.
  private var results: [ObjectIdentifier: [(index: Int, gradient: Tensor)]] = [:]
  /// Nodes whose gradients the caller wants; those of all others are released as soon as they were passed on.
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

  /// Passes gradients on from these nodes, results before their inputs.
  mutating func run(from roots: [TapeNode]) {
    enqueue(roots)
    while let node = waiting.popLast() {
      let id = ObjectIdentifier(node)
      known.remove(id)
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

  /// Adds nodes, and all that they were made from, to those still to be visited, in the order of their numbers.
  private mutating func enqueue(_ roots: [TapeNode]) {
    var open = roots.filter { known.insert(ObjectIdentifier($0)).inserted }
    if open.isEmpty { return }
    while let node = open.popLast() {
      waiting.append(node)
      for input in node.inputs {
        if let next = input.node, known.insert(ObjectIdentifier(next)).inserted { open.append(next) }
      }
    }
    waiting.sort { $0.number < $1.number }
  }
}

extension Tensor {
  /// This gradient plus another one of the same shape, in this one's memory where nothing else holds it.
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
