import Foundation
import Tensors

/// What an observer is told of a tensor.
public struct HookEvent: Sendable {
  public let point: HookPoint
  /// The tensor with the axes that the point declares; only the chosen heads where a selection names heads.
  public let tensor: Tensor
  /// The feature map whose positions the query axis counts, row by row.
  public let grid: FeatureGrid?
  public let moment: Moment
}

/// Where in a run an event happens.
public struct Moment: Sendable {
  /// The denoising step counted from 0; 0 outside a run.
  public var step: Int
  /// How many steps the run has, where that is known.
  public var steps: Int?
  /// The scheduler's timestep.
  public var timestep: Float
  /// The noise level σ at the step: noise to signal deviation.
  public var noiseLevel: Float
  /// Batch rows of the conditional half, one a sample; nil: all rows.
  public var conditionalRows: Range<Int>?

  public init(
    step: Int = 0, steps: Int? = nil, timestep: Float = 0, noiseLevel: Float = 0, conditionalRows: Range<Int>? = nil
  ) {
    (self.step, self.steps, self.timestep, self.noiseLevel) = (step, steps, timestep, noiseLevel)
    self.conditionalRows = conditionalRows
  }
}

/// One thing to do at the hook points that a selection names: observe or replace.
public struct Hook: Sendable {
  public let selection: HookSelection
  enum Action: Sendable {
    case observe(@Sendable (HookEvent) -> Void)
    case replace(@Sendable (HookEvent) -> Tensor)
  }
  let action: Action

  /// Looks at tensors; the run stays the same to the last bit.
  public static func observe(_ selection: HookSelection, _ body: @escaping @Sendable (HookEvent) -> Void) -> Hook {
    Hook(selection: selection, action: .observe(body))
  }

  /// Puts another tensor of the same shape in place.
  public static func replace(_ selection: HookSelection, _ body: @escaping @Sendable (HookEvent) -> Tensor) -> Hook {
    Hook(selection: selection, action: .replace(body))
  }
}

/// Anything that watches a run: a hook itself, or a recorder made of hooks.
public protocol Watching: Sendable {
  var hooks: [Hook] { get }
}

extension Hook: Watching {
  public var hooks: [Hook] { [self] }
}

/// The hooks of one call. It ends with the call, and so does everything it changes.
public final class HookSession: @unchecked Sendable {
  @TaskLocal package static var current: HookSession?

  private let hooks: [Hook]
  /// For every hook, the points whose names and kinds it selects.
  private let selected: [Set<ObjectIdentifier>]
  private let lock = NSLock()
  private var moment: Moment

  /// - Parameters:
  ///   - steps: how many steps the run has, where that is known.
  ///   - grids: the feature map sizes the run will meet, where that is known.
  /// - Throws: `HookError` where a hook can match nothing.
  public init(
    _ watching: [any Watching], catalog: HookCatalog, steps: Int? = nil, grids: Set<FeatureGrid>? = nil
  ) throws {
    hooks = watching.flatMap(\.hooks)
    moment = Moment(steps: steps)
    let points = catalog.points
    for hook in hooks { try hook.selection.check(against: points, steps: steps, grids: grids) }
    selected = hooks.map { hook in Set(points.filter { hook.selection.names($0) }.map { ObjectIdentifier($0) }) }
  }

  /// Runs a body with these hooks active, at that moment of a run.
  public func during<Result>(_ moment: Moment, _ body: () throws -> Result) rethrows -> Result {
    if hooks.isEmpty { return try body() }
    lock.withLock { self.moment = moment }
    return try HookSession.$current.withValue(self) { try body() }
  }

  func watches(_ point: HookPoint, grid: FeatureGrid?) -> Bool {
    let step = lock.withLock { moment.step }
    return hooks.indices.contains { takesPart($0, point, grid, step) }
  }

  private func takesPart(_ index: Int, _ point: HookPoint, _ grid: FeatureGrid?, _ step: Int) -> Bool {
    guard selected[index].contains(ObjectIdentifier(point)) else { return false }
    let selection = hooks[index].selection
    return selection.steps?.contains(step) ?? true && selection.grids.map { grid.map($0.contains) ?? false } ?? true
  }

  /// Shows a tensor to every hook in turn; a later hook sees what an earlier one put in place.
  func deliver(_ tensor: Tensor, at point: HookPoint, grid: FeatureGrid?) -> Tensor? {
    let moment = lock.withLock { self.moment }
    var replaced: Tensor?
    for (index, hook) in hooks.enumerated() {
      guard takesPart(index, point, grid, moment.step) else { continue }
      let whole = replaced ?? tensor
      let shown = selectHeads(of: whole, hook.selection.heads, at: point)
      let event = HookEvent(point: point, tensor: shown, grid: grid, moment: moment)
      switch hook.action {
      case .observe(let body): body(event)
      case .replace(let body):
        let result = body(event)
        guard result.shape == shown.shape else {
          fail("\(point.name): a tensor of shape \(shown.shape) cannot be replaced by one of shape \(result.shape)")
        }
        replaced = put(result, into: whole, heads: hook.selection.heads, at: point)
      }
    }
    return replaced
  }

  private func selectHeads(of tensor: Tensor, _ heads: [Int]?, at point: HookPoint) -> Tensor {
    guard let heads, let axis = point.axes.firstIndex(of: .head) else { return tensor }
    return tensor.gathered(axis: axis, heads)
  }

  private func put(_ part: Tensor, into whole: Tensor, heads: [Int]?, at point: HookPoint) -> Tensor {
    guard let heads, let axis = point.axes.firstIndex(of: .head) else { return part }
    let slices = (0..<whole.shape[axis]).map { head in
      heads.firstIndex(of: head).map { part.sliced(axis: axis, $0..<($0 + 1)) }
        ?? whole.sliced(axis: axis, head..<(head + 1))
    }
    return .concatenated(slices, axis: axis)
  }
}

extension HookSession: CustomStringConvertible {
  public var description: String { "HookSession of \(hooks.count) \(hooks.count == 1 ? "hook" : "hooks")" }
}
