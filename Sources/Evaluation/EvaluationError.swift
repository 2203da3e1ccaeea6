/// What keeps a model from being measured.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
  /// The folder's model lacks a part that the measure is about.
  case missingPart(folder: String, part: String, measure: String)
  /// A model of another family than scenes can be drawn for.
  case unsupported(folder: String, what: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .missingPart(let folder, let part, let measure): "\(folder): \(part) is missing; \(measure) cannot be measured"
    case .unsupported(let folder, let what, let expected, let found):
      "\(folder): \(what) is \(found), measures take \(expected)"
    }
  }
}
