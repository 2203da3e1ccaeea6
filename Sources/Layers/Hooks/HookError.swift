/// An error in the use of a hook.
public enum HookError: Error, Equatable, CustomStringConvertible {
  /// A pattern that matches no hook point.
  case noSuchPoint(pattern: String, kinds: [String], near: [String])
  /// Points that exist, but cannot fire in this run.
  case cannotFire(pattern: String, points: [String], reason: String)
  case noSuchStep(step: Int, steps: Int)
  case noSuchHead(heads: [Int], found: Int, point: String)
  case noSuchGrid(asked: FeatureGrid, met: [FeatureGrid])
  /// A replacement whose shape differs from the original's.
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
      "a hook selects step \(step), but the run has steps 0 to \(steps - 1)"
    case .noSuchHead(let heads, let found, let point):
      "a hook selects the heads \(heads), counted from 0, but \(point) has \(found) heads; select other heads or layers"
    case .noSuchGrid(let asked, let met):
      "a hook selects the feature map size \(asked); this run has \(met.map(\.description).joined(separator: ", "))"
    case .wrongShape(let point, let expected, let found):
      "\(point): a hook replaced a tensor of shape \(expected) with one of shape \(found); return the same shape"
    }
  }
}
