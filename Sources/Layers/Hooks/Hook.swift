import Tensors

/// What an observer learns of a tensor.
public struct HookEvent: Sendable {
  public let point: HookPoint
  /// The tensor with the axes that the point declares; of the chosen heads alone where a selection names heads.
  public let tensor: Tensor
  /// The feature map whose positions the query axis counts, row by row.
  public let grid: FeatureGrid?
  public let moment: Moment
  /// The heads that the tensor holds, counted from 0 in the whole layer; nil for a point without heads.
  public let heads: [Int]?
}

/// One thing to do at the hook points that a selection names: observe or replace.
public struct Hook: Sendable {
  public let selection: HookSelection
  enum Action: Sendable {
    case observe(@Sendable (HookEvent) throws -> Void)
    case replace(@Sendable (HookEvent) throws -> Tensor)
  }
  let action: Action

  /// Looks at tensors; the run stays the same to the last bit. An error ends the run at the end of its step.
  public static func observe(_ selection: HookSelection, _ body: @escaping @Sendable (HookEvent) throws -> Void) -> Hook
  {
    Hook(selection: selection, action: .observe(body))
  }

  /// Puts another tensor of the same shape in place. A tensor of another shape, or an error, ends the run at the end of
  /// its step.
  public static func replace(_ selection: HookSelection, _ body: @escaping @Sendable (HookEvent) throws -> Tensor)
    -> Hook
  {
    Hook(selection: selection, action: .replace(body))
  }
}

/// Anything that takes part in a run at its hook points: a hook itself, or a recorder made of hooks.
public protocol Observing: Sendable {
  var hooks: [Hook] { get }
  /// Called as a run begins: a recorder forgets what it has of an earlier one.
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
