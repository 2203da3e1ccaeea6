import Analysis
import Checkpoints
import Foundation
import Images
import JSON
import MSDiffusion
import ModelRecipe
import Tensors
import TestSupport
import Testing
import Training
import TrainingData

/// A few steps of each stage of the bundled model: every loss but the adapter's falls, and the result is a pipeline.
@Suite(.longNumeric) struct StageTests {
  private static let merges = TokenizerFolder(ModelFolder(Golden.path("pipeline")).path(of: .tokenizer)).merges

  /// Trains a stage for some steps.
  /// - Returns: the losses of the first and of the last third of the steps.
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
      // An adapter starts out equal to the base model, and learns little from a few samples.
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
    try trainOnOwnData(world, model: folder.file("model"))
    try trainOnLongCaptions(model: folder.file("model"))
  }

  /// A font that does not exist: opening the emoji world with it is an error.
  private static let noFont = URL(fileURLWithPath: "/nowhere/NotoColorEmoji.ttf")

  /// Trains an adapter on a folder of images, for the trained base and without the emoji font. Training cannot
  /// continue on other data.
  private func trainOnOwnData(_ world: EmojiWorld, model: String) throws {
    let (folder, data) = (try TemporaryFolder(), try TemporaryFolder())
    var lines: [String] = []
    for number in 0..<3 {
      let sample = world.sample(number, seed: 5, subjects: 1...2)
      try PixelImage((sample.image + 1) / 2).write(data.file("\(number).png"))
      let subjects = try sample.subjects.enumerated().map { index, subject in
        try PixelImage(subject.reference).write(data.file("\(number)-\(index).png"))
        return JSONValue.object([
          ("phrase", .string(subject.phrase)), ("box", JSONValue(subject.box.numbers)),
          ("reference", .string("\(number)-\(index).png")),
        ])
      }
      let line = JSONValue.object([
        ("image", .string("\(number).png")), ("caption", .string(sample.caption)), ("subjects", .array(subjects)),
      ])
      lines.append(line.text())
    }
    func list(_ lines: [String]) throws {
      _ = try data.write(Array(lines.joined(separator: "\n").utf8), as: "samples.jsonl")
    }
    func run(steps: Int, accepting: Bool = false) throws -> StageRun {
      try StageRun(
        .adapter, folder: folder.path, merges: Self.merges, data: data.path, acceptsChangedData: accepting,
        font: Self.noFont
      ) {
        ($0.steps, $0.batch, $0.evaluateEvery, $0.logEvery) = (steps, 4, 2, 1)
      }
    }
    try StageRun.takeParts(before: .adapter, into: folder.path, from: model)
    try list(lines)
    #expect(throws: TrainingDataError.self) {
      try StageRun(.adapter, folder: folder.path, merges: Self.merges, font: Self.noFont)
    }
    #expect(try run(steps: 2).warnings.isEmpty)
    #expect(try run(steps: 2).run().isFinished)
    #expect(try !String(contentsOfFile: folder.file("adapter/log.jsonl"), encoding: .utf8).contains("unseenPhrases"))
    #expect(try Pipeline(folder.file("model")).adapter != nil)
    // A picture that is only touched has not changed; one that is replaced has, and so has a list that lost a line.
    try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: data.file("0.png"))
    #expect(try run(steps: 3).run().isFinished)
    try PixelImage(width: 64, height: 64, red: 9).write(data.file("1.png"))
    #expect(
      throws: TrainingError.dataChanged(folder: data.path, changes: ["1.png: replaced by another picture"])
    ) { try run(steps: 4) }
    try list(Array(lines.dropLast()))
    let changes = [
      "samples.jsonl: 2 lines instead of 3, different from line 3 on", "1.png: replaced by another picture",
      "2-0.png: no longer used", "2.png: no longer used",
    ]
    let error = #expect(throws: TrainingError.self) { try run(steps: 4) }
    if case .dataChanged(_, let found) = error {
      #expect(found.filter { !$0.hasPrefix("2-1") } == changes)
    }
    let accepted = try run(steps: 4, accepting: true)
    #expect(accepted.warnings.contains { $0.contains("1.png: replaced by another picture; the run continues") })
    #expect(try accepted.run().isFinished)
    // Data that were accepted once are those that the next start expects.
    #expect(try run(steps: 5).run().isFinished)
    try list([#"{"image": "0.png", "caption": "nobody", "subjects": []}"#])
    #expect(throws: StageError.noSubjects(folder: data.path, line: 1)) { try run(steps: 6) }
    #expect(throws: StageError.ownData(stage: .vae)) {
      try StageRun(.vae, folder: folder.path, merges: Self.merges, data: data.path)
    }
  }

  /// A phrase past the text encoder's token limit is named before training; training skips and counts it.
  private func trainOnLongCaptions(model: String) throws {
    let (folder, data) = (try TemporaryFolder(), try TemporaryFolder())
    try PixelImage(width: 64, height: 64, red: 200).write(data.file("image.png"))
    let caption = "a dog" + String(repeating: " on a dog", count: 20) + " and a cat"
    let lines = [
      #"{"image": "image.png", "caption": "a dog", "subjects": [{"phrase": "dog", "box": [0, 0, 1, 1]}]}"#,
      #"{"image": "image.png", "caption": "\#(caption)", "subjects": [{"phrase": "dog", "box": [0, 0, 1, 1]}, {"phrase": "cat", "box": [0, 0, 1, 1]}]}"#,
    ]
    _ = try data.write(Array(lines.joined(separator: "\n").utf8), as: "samples.jsonl")
    try StageRun.takeParts(before: .base, into: folder.path, from: model)
    let run = try StageRun(.base, folder: folder.path, merges: Self.merges, data: data.path, font: Self.noFont) {
      ($0.steps, $0.batch, $0.evaluateEvery, $0.logEvery) = (2, 16, 0, 2)
    }
    let warning = try #require(run.warnings.first)
    #expect(run.warnings.count == 1)
    #expect(
      warning.hasPrefix("\(data.path)/samples.jsonl, line 2, subjects[1].phrase: the phrase 'cat' has the tokens"))
    #expect(try run.run().isFinished)
    let log = try String(contentsOfFile: folder.file("base/log.jsonl"), encoding: .utf8)
    let line = try JSONNode(JSONValue.parse(String(log.split(separator: "\n")[0]), name: "log"), name: "log")
    // About half of the samples have an unseen phrase. Some captions are dropped, and then no phrase is looked for.
    #expect((0.1...0.9).contains(try line["unseenPhrases"].double()))
  }

  /// A base of the second model that uses four scenes again and again. Its first step equals that of a run without a
  /// reservoir, its second does not. If the run is stopped and resumed, it ends with the same bytes.
  @Test func aReservoirRepeatsScenesAndARunContinuesToTheByte() throws {
    let folders = try (0..<3).map { _ in try TemporaryFolder() }
    func run(_ number: Int, steps: Int, reservoir: Int?) throws -> StageRun {
      try StageRun(.base, of: .second, folder: folders[number].path, merges: Self.merges, seed: 3) {
        ($0.steps, $0.batch, $0.evaluateEvery, $0.logEvery, $0.reservoir) = (steps, 4, 0, 1, reservoir)
      }
    }
    for stage in [TrainingStage.vae, .clip] {
      try StageRun(stage, of: .second, folder: folders[0].path, merges: Self.merges).exportUntrained()
    }
    for folder in folders.dropFirst() {
      try StageRun.takeParts(before: .base, into: folder.path, from: folders[0].file("model"))
    }
    func log(_ number: Int) throws -> [Substring] {
      try String(contentsOfFile: folders[number].file("base/log.jsonl"), encoding: .utf8).split(separator: "\n")
    }
    for (number, reservoir) in [(0, 4), (1, nil)] { _ = try run(number, steps: 4, reservoir: reservoir).run() }
    #expect(try log(0)[0] == log(1)[0])
    #expect(try log(0)[1] != log(1)[1])
    _ = try run(2, steps: 2, reservoir: 4).run()
    #expect(throws: TrainingError.self) { try run(2, steps: 4, reservoir: 5).run() }
    _ = try run(2, steps: 4, reservoir: 4).run()
    #expect(try log(2) == log(0))
    func weights(_ number: Int) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: ModelFolder(folders[number].file("model")).weightsFile(of: .unet)))
    }
    #expect(try weights(2) == weights(0))
  }

  @Test func aStageWithoutTheEarlierOnesIsAnError() throws {
    let folder = try TemporaryFolder()
    #expect(throws: StageError.missingPart(folder: folder.file("model"), part: .unet)) {
      try StageRun(.adapter, folder: folder.path, merges: Self.merges)
    }
  }

  @Test func missingPartsAreTakenFromAnotherModel() throws {
    let (folder, model) = (try TemporaryFolder(), try TemporaryFolder())
    for part in ["vae", "text_encoder", "image_encoder", "tokenizer", "unet"] {
      try FileManager.default.createDirectory(atPath: model.file(part), withIntermediateDirectories: true)
      try part.write(toFile: model.file(part + "/weights"), atomically: true, encoding: .utf8)
    }
    func text(_ file: String) throws -> String { try String(contentsOfFile: folder.file(file), encoding: .utf8) }
    try FileManager.default.createDirectory(atPath: folder.file("model/vae"), withIntermediateDirectories: true)
    try "own".write(toFile: folder.file("model/vae/weights"), atomically: true, encoding: .utf8)
    try StageRun.takeParts(before: .base, into: folder.path, from: model.path)
    // Existing parts stay; parts that this stage or a later one makes are not copied.
    #expect(try text("model/vae/weights") == "own")
    #expect(try text("model/tokenizer/weights") == "tokenizer")
    #expect(!FileManager.default.fileExists(atPath: folder.file("model/unet")))
    try StageRun.takeParts(before: .adapter, into: folder.path, from: model.path)
    #expect(try text("model/unet/weights") == "unet")
  }
}
