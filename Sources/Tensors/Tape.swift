import CKernels
import Synchronization

/// One recorded operation: where its inputs came from, and how a derivative of its result becomes derivatives of them.
class TapeNode: @unchecked Sendable {
  /// Rises with every operation, so that results come after their inputs.
  let number: Int
  let inputs: [TapeNode?]
  private let pull: (Tensor) -> [Tensor?]

  private static let counter = Atomic(0)

  init(inputs: [TapeNode?], pull: @escaping (Tensor) -> [Tensor?]) {
    number = Self.counter.add(1, ordering: .relaxed).newValue
    (self.inputs, self.pull) = (inputs, pull)
  }

  /// Derivatives of the inputs, nil where there is none.
  func pulled(_ derivative: Tensor) -> [Tensor?] { pull(derivative) }
}

/// Reverse-mode differentiation: operations on variables, and on what was made of them, are recorded as they run.
///
/// Tensors that no variable went into carry no record, so that inference pays nothing.
public enum Tape {
  /// The same numbers as a variable: what is made of them can be differentiated with respect to them.
  public static func variable(_ tensor: Tensor) -> Tensor {
    tensor.with(node: TapeNode(inputs: []) { _ in [] })
  }

  /// Derivatives of a single number with respect to variables; zeros for those that did not take part.
  public static func gradients(of loss: Tensor, for variables: [Tensor]) -> [Tensor] {
    guard loss.count == 1 else { fail("gradients: expected a single number, found shape \(loss.shape)") }
    let nodes = variables.map { variable in
      guard let node = variable.node else { fail("gradients: a tensor of shape \(variable.shape) is no variable") }
      return node
    }
    guard let root = loss.node else { return variables.map { .zeros($0.shape) } }
    var pass = BackwardPass(keeping: nodes)
    pass.add(.ones(loss.shape), to: root)
    pass.run(from: [root])
    return zip(nodes, variables).map { pass.derivative(of: $0) ?? .zeros($1.shape) }
  }
}

/// The derivatives of one number, collected from results to what they were made of.
struct BackwardPass {
  private var derivatives: [ObjectIdentifier: Tensor] = [:]
  /// Nodes still to come, the latest operation last.
  private var waiting: [TapeNode] = []
  /// The same nodes. One that is done is not among them: it may be gone, and another one lie in its place.
  private var known: Set<ObjectIdentifier> = []
  /// Derivatives of the results of checkpointed parts, by part.
  private var results: [ObjectIdentifier: [(place: Int, derivative: Tensor)]] = [:]
  /// Nodes whose derivatives are asked for; all others are let go of as soon as they are passed on.
  private let kept: Set<ObjectIdentifier>

  init(keeping nodes: [TapeNode]) { kept = Set(nodes.map { ObjectIdentifier($0) }) }

  func derivative(of node: TapeNode) -> Tensor? { derivatives[ObjectIdentifier(node)] }

  mutating func add(_ derivative: Tensor, to node: TapeNode) {
    let place = ObjectIdentifier(node)
    if let sum = derivatives.removeValue(forKey: place) {
      derivatives[place] = sum.adding(derivative)
    } else {
      derivatives[place] = derivative
    }
  }

  /// Passes derivatives on from these nodes, results before their inputs.
  mutating func run(from roots: [TapeNode]) {
    reach(roots)
    while let node = waiting.popLast() {
      let id = ObjectIdentifier(node)
      known.remove(id)
      if let checkpoint = node as? CheckpointNode {
        guard let results = results.removeValue(forKey: id) else { continue }
        reach(checkpoint.unfold(results, in: &self))
        continue
      }
      guard let derivative = kept.contains(id) ? derivatives[id] : derivatives.removeValue(forKey: id) else { continue }
      if let result = node as? CheckpointResult {
        results[ObjectIdentifier(result.checkpoint), default: []].append((result.place, derivative))
      } else {
        for case (let input?, let pulled?) in zip(node.inputs, node.pulled(derivative)) { add(pulled, to: input) }
      }
    }
  }

  /// Puts all nodes behind some into the order in which they are passed.
  private mutating func reach(_ roots: [TapeNode]) {
    var open = roots.filter { known.insert(ObjectIdentifier($0)).inserted }
    if open.isEmpty { return }
    while let node = open.popLast() {
      waiting.append(node)
      for case let input? in node.inputs where known.insert(ObjectIdentifier(input)).inserted { open.append(input) }
    }
    waiting.sort { $0.number < $1.number }
  }
}

extension Tensor {
  /// Whether a variable went into this tensor.
  public var isRecorded: Bool { node != nil }

  /// The same numbers without their record.
  public var detached: Tensor { with(node: nil) }

  /// This result with its derivative, where any input is recorded: `pull` gives the derivatives of the inputs, in their
  /// order, from that of the result; what it computes with must be detached.
  func recorded(from inputs: [Tensor], _ pull: @escaping (Tensor) -> [Tensor?]) -> Tensor {
    guard inputs.contains(where: { $0.node != nil }) else { return self }
    return with(node: TapeNode(inputs: inputs.map(\.node), pull: pull))
  }

  /// This plus another derivative of the same shape, in this one's memory where nobody else holds it.
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

  /// Sums over the axes along which a tensor of `shape` was repeated to become this one.
  func summed(to shape: [Int]) -> Tensor {
    if shape == self.shape { return self }
    let missing = rank - shape.count
    let axes = self.shape.indices.filter { $0 < missing || shape[$0 - missing] != self.shape[$0] }
    return sum(axes: axes, keepingAxes: true).reshaped(shape)
  }
}
