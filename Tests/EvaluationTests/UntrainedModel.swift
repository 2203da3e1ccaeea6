import Checkpoints
import Foundation
import MSDiffusion
import ModelRecipe
import TestSupport
import TrainingData

/// The emoji world, opened once for all tests.
let world: EmojiWorld = {
  do {
    return try EmojiWorld()
  } catch {
    fatalError("\(error)")
  }
}()

/// The bundled model's architecture with initial weights.
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
