import Analysis
import Checkpoints
import Images
import MSDiffusion
import Tensors
import TestSupport

/// The golden pipeline, opened once.
enum Small {
  static let opened = Result { try Pipeline(Golden.path("pipeline")) }

  static func pipeline() throws -> Pipeline { try opened.get() }

  /// Copies parts of the golden pipeline to a folder.
  static func copy(_ parts: [ModelPart] = ModelPart.all, to folder: TemporaryFolder) throws -> ModelFolder {
    let model = ModelFolder(folder.path)
    try model.copy(parts, from: ModelFolder(Golden.path("pipeline")))
    return model
  }

  static func photo(_ name: String) throws -> PixelImage { try PixelImage(contentsOf: Golden.path("photos/" + name)) }

  /// A scene of two subjects side by side, with few steps.
  static func scene(_ change: (inout Scene) throws -> Void = { _ in }) throws -> Scene {
    var scene = Scene(
      "a cat and a cup on the beach",
      subjects: [
        Subject("cat", image: try photo("cat.jpg"), box: Box(0, 0.25, 0.4, 0.75)),
        Subject("cup", image: try photo("cup.jpg"), box: Box(0.6, 0.25, 1, 0.75)),
      ], height: 64, width: 96, steps: 3, seed: 7)
    try change(&scene)
    return scene
  }
}
