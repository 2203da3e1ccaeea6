import Checkpoints
import TrainingData

/// Errors that keep a training stage from starting or from being exported.
public enum StageError: Error, Equatable, CustomStringConvertible {
  /// A part that an earlier stage makes is missing.
  case missingPart(folder: String, part: ModelPart)
  /// The training run has not written a checkpoint yet.
  case noCheckpoint(folder: String)
  /// The stage can only be trained on drawn scenes.
  case ownData(stage: TrainingStage)
  /// A sample in a data folder has no subject.
  case noSubjects(folder: String, line: Int)

  public var description: String {
    switch self {
    case .missingPart(let folder, let part):
      let stage = TrainingStage.allCases.first { $0.parts.contains(part) }
      return "\(folder): expected \(part) from an earlier stage, found nothing; "
        + "finish the stage '\(stage?.rawValue ?? "?")' first, with the same --output"
    case .ownData(let stage):
      return
        "stage \(stage.rawValue): expected drawn scenes, found a folder of samples; only the stages base and adapter "
        + "can be trained on your own samples"
    case .noSubjects(let folder, let line):
      return "\(folder)/\(SampleFolder.listName), line \(line): expected one to four subjects, found none; "
        + "remove this sample"
    case .noCheckpoint(let folder):
      return "\(folder): expected a training checkpoint, found none; wait until the first one is written"
    }
  }
}
