import Foundation
import Tensors

/// The hooks of one run. They are active only during the run, even if the run ends with an error.
public final class HookSession: @unchecked Sendable {
  @TaskLocal package static var current: HookSession?

  private let hooks: [Hook]
  /// The points at which each hook can fire in this run: one set per hook.
  private let selected: [Set<ObjectIdentifier>]
  private let lock = NSLock()
  private var moment = Moment()
  private var failure: (any Error)?

  /// - Parameters:
  ///   - observing: the hooks and recorders of the run. Recorders discard what they have recorded so far.
  ///   - catalog: the hook points of the model.
  ///   - outline: the facts about the run against which hooks are checked.
  /// - Throws: `HookError` if a hook can never fire.
  public init(_ observing: [any Observing], catalog: HookCatalog, outline: RunOutline = RunOutline()) throws {
    hooks = observing.flatMap(\.hooks)
    let points = catalog.points
    selected = try hooks.map { hook in
      Set(try hook.selection.points(among: points, outline).map { ObjectIdentifier($0) })
    }
    for observer in observing { observer.begin() }
  }

  private init(_ hooks: [Hook], _ selected: [Set<ObjectIdentifier>]) { (self.hooks, self.selected) = (hooks, selected) }

  /// This session with one more hook, which is called after all others.
  /// - Throws: `HookError` if this hook can never fire.
  package func joined(by hook: Hook, catalog: HookCatalog, outline: RunOutline) throws -> HookSession {
    let points = try hook.selection.points(among: catalog.points, outline)
    return HookSession(hooks + [hook], selected + [Set(points.map { ObjectIdentifier($0) })])
  }

  /// Runs a body during which these hooks are active, and no others.
  /// - Parameter moment: the point in the run that the hooks' events name.
  /// - Throws: an error that the body throws; after the body, the first error that a hook has thrown.
  public func during<Result>(_ moment: Moment, _ body: () throws -> Result) throws -> Result {
    lock.withLock { self.moment = moment }
    let result = try HookSession.$current.withValue(hooks.isEmpty ? nil : self) { try body() }
    if let failure = lock.withLock({ failure }) { throw failure }
    return result
  }

  func observes(_ point: HookPoint, grid: FeatureGrid?) -> Bool {
    let (step, failed) = lock.withLock { (moment.step, failure != nil) }
    return !failed && hooks.indices.contains { isActive($0, point, grid, step) }
  }

  private func isActive(_ index: Int, _ point: HookPoint, _ grid: FeatureGrid?, _ step: Int?) -> Bool {
    guard selected[index].contains(ObjectIdentifier(point)) else { return false }
    let selection = hooks[index].selection
    let fitsStep = selection.steps.map { steps in step.map(steps.contains) ?? false } ?? true
    return fitsStep && selection.grids.map { grid.map($0.contains) ?? false } ?? true
  }

  /// Passes a tensor to every active hook, in order. If a hook replaces the tensor, later hooks get the replacement.
  /// - Returns: the last replacement; nil if there was none.
  func deliver(_ tensor: Tensor, at point: HookPoint, grid: FeatureGrid?) -> Tensor? {
    let moment = lock.withLock { self.moment }
    var replaced: Tensor?
    for (index, hook) in hooks.enumerated() where isActive(index, point, grid, moment.step) {
      let whole = replaced ?? tensor
      let heads = point.heads.map { hook.selection.heads ?? Array(0..<$0) }
      func event(_ selectedPart: Tensor) -> HookEvent {
        HookEvent(point: point, tensor: selectedPart, grid: grid, moment: moment, heads: heads)
      }
      do {
        let selectedPart = selectHeads(of: whole, hook.selection.heads, at: point)
        switch hook.action {
        case .observe(let body): try body(event(selectedPart))
        case .replace(let body):
          let result = try body(event(selectedPart.detached))
          guard result.shape == selectedPart.shape else {
            throw HookError.wrongShape(point: point.name, expected: selectedPart.shape, found: result.shape)
          }
          replaced = put(result, into: whole, heads: hook.selection.heads, at: point)
        }
      } catch {
        lock.withLock { failure = failure ?? error }
        return replaced
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
  public var description: String { "HookSession of \(hooks.count) hooks" }
}
