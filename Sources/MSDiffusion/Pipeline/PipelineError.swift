/// Errors in a request or in a pipeline's folder.
public enum PipelineError: Error, Equatable, CustomStringConvertible {
  case invalid(_ option: String, found: String, expected: String)
  case missingPart(folder: String, part: String, needed: String)
  case mixedBatch(option: String, values: [String])
  case notFinite(place: String)
  case incompatible(_ first: String, _ second: String, detail: String)

  public var description: String {
    switch self {
    case .invalid(let option, let found, let expected): "\(option) is \(found), expected \(expected)"
    case .missingPart(let folder, let part, let needed): "\(folder): \(part) is missing; \(needed)"
    case .mixedBatch(let option, let values):
      "scenes of one batch need the same \(option), found \(values.joined(separator: ", ")); generate them one by one"
    case .notFinite(let place): "\(place) is not finite (NaN or infinity); check the checkpoint and the scales"
    case .incompatible(let first, let second, let detail): "\(first) and \(second) do not fit together: \(detail)"
    }
  }
}
