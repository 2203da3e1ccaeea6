import Checkpoints
import Foundation
import MSDiffusion
import ModelRecipe
import TestSupport
import TrainingData

/// Opened once for all tests.
let world: EmojiWorld = {
  do {
    return try EmojiWorld()
  } catch {
    fatalError("\(error)")
  }
}()

/// The model that ships, with its initial weights.
enum Untrained {
  static let folder = Result { try TemporaryFolder() }
  static let opened = Result {
    let path = try Untrained.folder.get().path
    let merges = TokenizerFolder(ModelFolder(Golden.path("pipeline")).path(of: .tokenizer)).merges
    for stage in TrainingStage.allCases { try StageRun(stage, folder: path, merges: merges).exportUntrained() }
    return try Pipeline(path + "/model")
  }

  static func pipeline() throws -> Pipeline { try opened.get() }
}
