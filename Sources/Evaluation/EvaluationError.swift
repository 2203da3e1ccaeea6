/// Reasons why a model cannot be measured.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
  /// The model lacks a part that the measure needs.
  case missingPart(folder: String, part: String, measure: String)
  /// The model has a property that a measure does not support; `what` is the measure.
  case unsupported(folder: String, what: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .missingPart(let folder, let part, let measure):
      "\(folder): \(part) is missing; without it, \(measure) cannot be measured"
    case .unsupported(let folder, let what, let expected, let found):
      "\(folder): expected \(expected) for \(what), found \(found)"
    }
  }
}
