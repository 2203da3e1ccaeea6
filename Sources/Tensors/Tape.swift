import CKernels
import Synchronization

/// One recorded operation: where its inputs came from, and how a derivative of its result becomes derivatives of them.
final class TapeNode: @unchecked Sendable {
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
    var derivatives: [ObjectIdentifier: Tensor] = [:]
    guard let root = loss.node else { return variables.map { .zeros($0.shape) } }
    derivatives[ObjectIdentifier(root)] = .ones(loss.shape)
    let kept = Set(nodes.map { ObjectIdentifier($0) })
    for node in reached(from: root) {
      let id = ObjectIdentifier(node)
      guard let derivative = derivatives[id] else { continue }
      if !kept.contains(id) { derivatives[id] = nil }
      for (input, pulled) in zip(node.inputs, node.pulled(derivative)) {
        guard let input, let pulled else { continue }
        let place = ObjectIdentifier(input)
        if let known = derivatives.removeValue(forKey: place) {
          derivatives[place] = known.adding(pulled)
        } else {
          derivatives[place] = pulled
        }
      }
    }
    return zip(nodes, variables).map { derivatives[ObjectIdentifier($0)] ?? .zeros($1.shape) }
  }

  /// All nodes behind one, results before their inputs.
  private static func reached(from root: TapeNode) -> [TapeNode] {
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(root)]
    var (all, waiting) = ([root], [root])
    while let node = waiting.popLast() {
      for input in node.inputs.compactMap({ $0 }) where seen.insert(ObjectIdentifier(input)).inserted {
        all.append(input)
        waiting.append(input)
      }
    }
    return all.sorted { $0.number > $1.number }
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
