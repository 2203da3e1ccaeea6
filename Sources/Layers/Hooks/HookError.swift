/// What is wrong with a hook.
public enum HookError: Error, Equatable, CustomStringConvertible {
  /// A pattern that no point's name fits.
  case noSuchPoint(pattern: String, kinds: [String], near: [String])
  /// Points that are there, but not met in this run.
  case cannotFire(pattern: String, points: [String], reason: String)
  case noSuchStep(step: Int, steps: Int)
  case noSuchHead(heads: [Int], found: Int, point: String)
  case noSuchGrid(asked: FeatureGrid, met: [FeatureGrid])
  /// A tensor put in place of one of another shape.
  case wrongShape(point: String, expected: [Int], found: [Int])

  public var description: String {
    switch self {
    case .noSuchPoint(let pattern, let kinds, let near):
      "no hook point \(kinds.isEmpty ? "" : "of kind \(kinds.joined(separator: ", ")) ")fits '\(pattern)'; near names: "
        + near.joined(separator: ", ")
    case .cannotFire(let pattern, let points, let reason):
      "'\(pattern)' fits \(points.prefix(3).joined(separator: ", "))\(points.count > 3 ? " and \(points.count - 3) more" : ""), "
        + "which cannot be met in this run: \(reason)"
    case .noSuchStep(let step, let steps):
      "a hook asks for step \(step), the run has steps 0 to \(steps - 1)"
    case .noSuchHead(let heads, let found, let point):
      "a hook asks for the heads \(heads), counted from 0; \(point) has \(found). Name others, or layers that have them"
    case .noSuchGrid(let asked, let met):
      "a hook asks for the feature map size \(asked); this run has \(met.map(\.description).joined(separator: ", "))"
    case .wrongShape(let point, let expected, let found):
      "\(point): a hook put a tensor of shape \(found) in place of one of shape \(expected); give one of the same shape"
    }
  }
}
