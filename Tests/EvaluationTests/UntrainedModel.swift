import Foundation
import MSDiffusion
import TestSupport
import Training
import TrainingData

/// Opened once for all tests.
let world: EmojiWorld = {
  do {
    return try EmojiWorld()
  } catch {
    fatalError("\(error)")
  }
}()

/// The model that ships as it is before its first step of training.
enum Untrained {
  static let folder = Result { try TemporaryFolder() }
  static let opened = Result {
    let place = try Untrained.folder.get().path
    let merges = Golden.path("pipeline/tokenizer/merges.txt")
    for stage in TrainingStage.allCases { try StageRun(stage, folder: place, merges: merges).exportUntrained() }
    return try Pipeline(place + "/model")
  }

  static func pipeline() throws -> Pipeline { try opened.get() }
}
