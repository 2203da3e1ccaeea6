import Analysis
import Foundation
import Images
import JSON
import MSDiffusion
import TestSupport
import Testing
import Training
import TrainingData

/// The stages of the model that ships, a few steps each: every loss falls, and what they leave is a pipeline.
@Suite(.longNumeric) struct StageTests {
  private static let merges = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden/pipeline/tokenizer/merges.txt").path

  /// Trains a stage for some steps.
  /// - Returns: the losses of the first and of the last third of them.
  private func train(_ stage: TrainingStage, steps: Int, batch: Int, in folder: TemporaryFolder) throws
    -> (first: Double, last: Double)
  {
    let run = try StageRun(stage, folder: folder.path, merges: Self.merges, seed: 3) {
      $0.steps = steps
      $0.batch = batch
      $0.schedule = LearningRateSchedule(peak: 1e-3)
      $0.evaluateEvery = 0
      $0.logEvery = steps / 3
    }
    #expect(try run.run().isFinished)
    let log = try String(contentsOfFile: folder.file("\(stage.rawValue)/log.jsonl"), encoding: .utf8)
    let losses = try log.split(separator: "\n").map { try JSONNode(JSONValue.parse("\($0)", name: "log"), name: "log") }
      .map { try $0["loss"].double() }
    return (try #require(losses.first), try #require(losses.last))
  }

  @Test func everyStageLearnsAndTheModelGenerates() throws {
    let folder = try TemporaryFolder()
    for (stage, steps, batch) in [
      (TrainingStage.vae, 12, 4), (.clip, 9, 16), (.base, 12, 4), (.adapter, 9, 4),
    ] {
      let losses = try train(stage, steps: steps, batch: batch, in: folder)
      // An adapter begins as the base model is, and has little to learn from a few samples.
      if stage != .adapter { #expect(losses.last < losses.first, "\(stage): \(losses)") }
    }
    let pipeline = try Pipeline(folder.file("model"))
    #expect(pipeline.sources.values.allSatisfy { $0.surplusKeys.isEmpty })
    #expect(pipeline.nativeSize == 64)
    #expect(pipeline.defaults.qualityPrompt.isEmpty)
    let world = try EmojiWorld()
    let dog = PixelImage(world.reference(of: Identity(kind: 0, hue: 3)))
    let scene = Scene(
      "a dog on the beach", subjects: [Subject("dog", image: dog, box: Box(0.1, 0.2, 0.7, 0.8))], negativePrompt: "",
      steps: 2)
    let image = try pipeline.generate(scene).image
    #expect((image.width, image.height) == (64, 64))
    #expect(image != (try pipeline.generate(scene.with { $0.subjects[0].box = Box(0.4, 0, 1, 0.5) }).image))
  }

  @Test func aStageWithoutTheEarlierOnesSaysSo() throws {
    let folder = try TemporaryFolder()
    #expect(throws: StageError.missingPart(folder: folder.file("model"), part: "unet")) {
      try StageRun(.adapter, folder: folder.path, merges: Self.merges)
    }
  }

  @Test func aStageTakesWhatItLacksFromAnotherModel() throws {
    let (folder, model) = (try TemporaryFolder(), try TemporaryFolder())
    for part in ["vae", "text_encoder", "image_encoder", "tokenizer", "unet"] {
      try FileManager.default.createDirectory(atPath: model.file(part), withIntermediateDirectories: true)
      try part.write(toFile: model.file(part + "/weights"), atomically: true, encoding: .utf8)
    }
    func text(_ file: String) throws -> String { try String(contentsOfFile: folder.file(file), encoding: .utf8) }
    try FileManager.default.createDirectory(atPath: folder.file("model/vae"), withIntermediateDirectories: true)
    try "own".write(toFile: folder.file("model/vae/weights"), atomically: true, encoding: .utf8)
    try StageRun.takeParts(before: .base, into: folder.path, from: model.path)
    // What is there stays, and what the stage itself or a later one makes is not taken.
    #expect(try text("model/vae/weights") == "own")
    #expect(try text("model/tokenizer/weights") == "tokenizer")
    #expect(!FileManager.default.fileExists(atPath: folder.file("model/unet")))
    try StageRun.takeParts(before: .adapter, into: folder.path, from: model.path)
    #expect(try text("model/unet/weights") == "unet")
  }
}
