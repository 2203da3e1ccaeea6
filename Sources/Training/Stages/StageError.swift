/// What can be wrong with a stage's surroundings.
public enum StageError: Error, Equatable, CustomStringConvertible {
  /// An earlier stage's part is not there.
  case missingPart(folder: String, part: String)

  public var description: String {
    switch self {
    case .missingPart(let folder, let part):
      let stage = TrainingStage.allCases.first { $0.parts.contains(part) }
      return "\(folder): expected '\(part)' of an earlier stage, found nothing; "
        + "train the stage '\(stage?.rawValue ?? "?")' to its end first, with the same --output"
    }
  }
}
