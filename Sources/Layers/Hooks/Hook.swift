import Tensors

/// An event that an observer receives at a hook point.
public struct HookEvent: Sendable {
  public let point: HookPoint
  /// The tensor, with the axes that the point declares. If the selection names heads, it holds only these heads.
  public let tensor: Tensor
  /// The size of the feature map to which the tensor belongs, if the point passes one on. A query axis counts the
  /// positions of the map row by row.
  public let grid: FeatureGrid?
  public let moment: Moment
  /// The heads that the tensor holds, counted from 0 in the whole layer; nil for a point without heads.
  public let heads: [Int]?
}

/// Observes or replaces tensors at the hook points that a selection names.
public struct Hook: Sendable {
  public let selection: HookSelection
  enum Action: Sendable {
    case observe(@Sendable (HookEvent) throws -> Void)
    case replace(@Sendable (HookEvent) throws -> Tensor)
  }
  let action: Action

  /// Observes tensors without changing any bit of the result. If `body` throws, the run ends after the current step.
  public static func observe(_ selection: HookSelection, _ body: @escaping @Sendable (HookEvent) throws -> Void) -> Hook
  {
    Hook(selection: selection, action: .observe(body))
  }

  /// Replaces tensors with those that `body` returns. If `body` throws, or returns a tensor of a different shape, the
  /// run ends after the current step.
  public static func replace(_ selection: HookSelection, _ body: @escaping @Sendable (HookEvent) throws -> Tensor)
    -> Hook
  {
    Hook(selection: selection, action: .replace(body))
  }
}

/// Anything that consists of hooks: a hook itself, or a recorder.
public protocol Observing: Sendable {
  /// The hooks that are active during the run, in the order in which they are called.
  var hooks: [Hook] { get }
  /// Called when a run begins: a recorder discards what it recorded in an earlier run.
  func begin()
}

extension Observing {
  public func begin() {}
}

extension Hook: Observing {
  public var hooks: [Hook] { [self] }
}

extension Hook: CustomStringConvertible {
  public var description: String {
    switch action {
    case .observe: "Hook observing \(selection)"
    case .replace: "Hook replacing \(selection)"
    }
  }
}
