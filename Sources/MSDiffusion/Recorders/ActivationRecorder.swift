import Layers
import Synchronization
import Tensors

/// The tensor of a hook point at one moment.
public struct RecordedActivation: Sendable {
  /// The hook point's name.
  public let name: String
  public let axes: [Axis]
  public let moment: Moment
  /// The size of the feature map, if there is a query axis.
  public let grid: FeatureGrid?
  /// The heads that `tensor` holds, counted from 0 in the whole layer; nil without a head axis.
  public let heads: [Int]?
  /// The tensor, with the axes in `axes`.
  public let tensor: Tensor
}

extension RecordedActivation: CustomStringConvertible {
  public var description: String {
    let sizes = zip(axes, tensor.shape).map { "\($0) \($1)" }.joined(separator: ", ")
    let when = moment.step.map { "step \($0)" } ?? moment.subject
    return "\(name) [\(sizes)] in \(moment.phase)" + (when.isEmpty ? "" : ", \(when)")
  }
}

/// Keeps every tensor of the chosen hook points, in order. Memory grows with the number of steps: choose few points.
public final class ActivationRecorder: Observing {
  private let selection: HookSelection
  private let recorded = Mutex<[RecordedActivation]>([])

  /// A recorder of all hook points that a selection names.
  public init(_ selection: HookSelection) { self.selection = selection }

  /// A recorder of all hook points whose name or layer matches one of these patterns; `*` stands for any characters.
  public convenience init(_ patterns: String...) { self.init(HookSelection(kinds: [], patterns: patterns)) }

  public func begin() { recorded.withLock { $0 = [] } }

  public var hooks: [Hook] {
    [
      .observe(selection) { [self] event in
        let activation = RecordedActivation(
          name: event.point.name, axes: event.point.axes, moment: event.moment, grid: event.grid, heads: event.heads,
          tensor: event.tensor.detached)
        recorded.withLock { $0.append(activation) }
      }
    ]
  }

  /// All recorded tensors, in the order in which they were computed.
  public var activations: [RecordedActivation] { recorded.withLock { $0 } }

  /// Names of the recorded points, in the order in which they were first recorded.
  public var names: [String] {
    var seen: Set<String> = []
    return activations.map(\.name).filter { seen.insert($0).inserted }
  }

  /// All recorded tensors of one hook point, in the order in which they were computed.
  public subscript(name: String) -> [RecordedActivation] { activations.filter { $0.name == name } }

  /// The first tensor of one hook point in a step, counted from 0; nil if there is none.
  public subscript(name: String, step step: Int) -> Tensor? { self[name].first { $0.moment.step == step }?.tensor }
}

extension ActivationRecorder: CustomStringConvertible {
  public var description: String {
    let all = activations
    let bytes = all.reduce(0) { $0 + 4 * $1.tensor.count }
    return "ActivationRecorder: \(all.count) tensors of \(names.count) points, \(bytes / 1024) KiB"
  }
}
