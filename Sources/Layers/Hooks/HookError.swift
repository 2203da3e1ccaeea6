/// An error in the use of a hook.
public enum HookError: Error, Equatable, CustomStringConvertible {
  /// A pattern that matches no hook point of the selected kinds; `near` are similar names.
  case noSuchPoint(pattern: String, kinds: [String], near: [String])
  /// A pattern that matches only points that cannot fire in this run.
  case cannotFire(pattern: String, points: [String], reason: String)
  /// A selected step that the run does not have; `steps` is the number of the run's steps.
  case noSuchStep(step: Int, steps: Int)
  /// Selected heads that a selected point does not have; `found` is the number of the point's heads.
  case noSuchHead(heads: [Int], found: Int, point: String)
  /// A selected feature map size that the run does not have; `met` are the sizes that it has.
  case noSuchGrid(asked: FeatureGrid, met: [FeatureGrid])
  /// An empty choice of steps, heads or feature map sizes; `what` says which.
  case nothingSelected(what: String)
  /// A replacement whose shape differs from the shape of the tensor that it replaces.
  case wrongShape(point: String, expected: [Int], found: [Int])

  public var description: String {
    switch self {
    case .noSuchPoint(let pattern, let kinds, let near):
      "no hook point \(kinds.isEmpty ? "" : "of kind \(kinds.joined(separator: ", ")) ")matches '\(pattern)'; similar names: "
        + near.joined(separator: ", ")
    case .cannotFire(let pattern, let points, let reason):
      "'\(pattern)' matches \(points.prefix(3).joined(separator: ", "))\(points.count > 3 ? " and \(points.count - 3) more" : ""), "
        + "which cannot fire in this run: \(reason)"
    case .noSuchStep(let step, let steps):
      "a hook selects step \(step), but the run has the steps 0 to \(steps - 1)"
    case .noSuchHead(let heads, let found, let point):
      "a hook selects the heads \(heads), but \(point) has \(found) heads, counted from 0; select other heads or layers"
    case .noSuchGrid(let asked, let met):
      "a hook selects the feature map size \(asked), but this run has the sizes "
        + met.map(\.description).joined(separator: ", ")
    case .nothingSelected(let what):
      "a hook selects an empty list of \(what), so it can never fire; list at least one, or pass nil for all"
    case .wrongShape(let point, let expected, let found):
      "\(point): a hook replaced a tensor of shape \(expected) with one of shape \(found); return the same shape"
    }
  }
}
