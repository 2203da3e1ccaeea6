import Checkpoints
import TrainingData

/// What can be wrong with what a stage builds on.
public enum StageError: Error, Equatable, CustomStringConvertible {
  /// An earlier stage's part is not there.
  case missingPart(folder: String, part: ModelPart)
  /// A training that has written no checkpoint yet.
  case noCheckpoint(folder: String)
  /// A stage that is trained on drawn scenes alone.
  case ownData(stage: TrainingStage)
  /// A sample of one's own that shows no subject.
  case noSubjects(folder: String, line: Int)

  public var description: String {
    switch self {
    case .missingPart(let folder, let part):
      let stage = TrainingStage.allCases.first { $0.parts.contains(part) }
      return "\(folder): expected \(part) of an earlier stage, found nothing; "
        + "train the stage '\(stage?.rawValue ?? "?")' to its end first, with the same --output"
    case .ownData(let stage):
      return
        "stage \(stage.rawValue): expected drawn scenes, found a folder of samples; own data are for base and adapter"
    case .noSubjects(let folder, let line):
      return "\(folder)/\(SampleFolder.listName), line \(line): expected one to four subjects, found none; "
        + "leave this sample out"
    case .noCheckpoint(let folder):
      return "\(folder): expected a checkpoint of a training, found none; wait for its first one"
    }
  }
}
