import Analysis
import Checkpoints
import Foundation
import Images
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TestSupport
import Testing

@Suite(.longNumeric) struct PipelineTests {
  @Test func scenesOfABatchEqualTheSameScenesAlone() throws {
    let pipeline = try Small.pipeline()
    let scenes = [
      try Small.scene { $0.samples = 2 },
      try Small.scene {
        $0.prompt = "a rocket in the sky"
        $0.subjects = [Subject("rocket", image: try Small.photo("rocket.jpg"), box: Box(0.2, 0, 0.8, 1), scale: 0.9)]
        $0.seed = 11
        $0.guidance = 4
      },
      try Small.scene { $0.subjects = [] },
    ]
    let together = try pipeline.generate(scenes)
    #expect(together.map(\.images.count) == [2, 1, 1])
    for (one, scene) in zip(together, scenes) {
      let alone = try pipeline.generate(scene)
      #expect(one.latents.isClose(to: alone.latents, relative: 1e-4))
    }
    #expect(together[0].images[0] != together[0].images[1])
  }

  @Test func scenesThatDifferInStepsCannotShareABatch() throws {
    let scenes = [try Small.scene(), try Small.scene { $0.steps = 4 }]
    #expect(throws: PipelineError.mixedBatch(option: "steps", values: ["3", "4"])) {
      try Small.pipeline().generate(scenes)
    }
  }

  @Test func theCallerCanRunTheDenoisingLoop() throws {
    let run = try Small.pipeline().denoising([Small.scene()])
    let first = try #require(run.next())
    #expect(first.index == 0)
    let rest = Array(run)
    #expect(rest.map(\.index) == [1, 2])
    #expect(run.next() == nil)
    #expect(run.latents == (try Small.pipeline().generate(Small.scene()).latents))
    #expect(zip([first.noiseLevel] + rest.map(\.noiseLevel), rest.map(\.noiseLevel)).allSatisfy { $0 > $1 })
  }

  @Test func aCancelledGenerationKeepsWhatItHasMade() async throws {
    let pipeline = try Small.pipeline()
    let scene = try Small.scene { $0.steps = 40 }
    let result = try await Task {
      try pipeline.generate(scene) { progress in
        if progress == .denoising(step: 2, of: 40) { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.value
    #expect(result.isCancelled)
    #expect(result.completedSteps == 2)
    #expect(result.images.count == 1)
    let steps = Array(try pipeline.denoising([scene]).prefix(2))
    #expect(result.latents == steps.last?.predictedOriginal)
  }

  @Test func theSameSeedGivesTheSameImages() throws {
    let pipeline = try Small.pipeline()
    #expect(try pipeline.generate(Small.scene()).images == pipeline.generate(Small.scene()).images)
  }

  @Test func givenNoiseIsUsedInsteadOfTheSeed() throws {
    var generator = RandomGenerator(seed: 7)
    let noise = generator.normal([1, 4, 8, 12])
    let pipeline = try Small.pipeline()
    let given = try pipeline.generate(
      Small.scene {
        $0.initialNoise = noise
        $0.seed = 99
      })
    #expect(given.latents == (try pipeline.generate(Small.scene()).latents))
    #expect(throws: PipelineError.self) {
      try pipeline.generate(Small.scene { $0.initialNoise = .zeros([1, 4, 8, 8]) })
    }
  }

  @Test func interpolationBeginsAndEndsWithTheTwoScenes() throws {
    let pipeline = try Small.pipeline()
    let one = try Small.scene()
    let other = try Small.scene {
      $0.subjects[0].image = try Small.photo("rocket.jpg")
      $0.prompt = "a cat and a cup in the sea"
    }
    let (a, b) = (try pipeline.conditions(for: one), try pipeline.conditions(for: other))
    for part in ConditionPart.allCases {
      for way in Interpolation.allCases {
        for subject in [-1, one.subjects.count] {
          #expect(throws: AnalysisError.self) {
            try pipeline.blended(a, with: b, in: part, ofSubject: subject, scene: one) { one, _ in one }
          }
        }
        let start = try pipeline.blended(a, with: b, in: part, scene: one) { way($0, $1, at: 0) }
        let end = try pipeline.blended(a, with: b, in: part, scene: one) { way($0, $1, at: 1) }
        #expect(start.subjectTokens == a.subjectTokens && start.text == a.text)
        switch part {
        case .imageFeatures, .subjectTokens: #expect(end.subjectTokens == b.subjectTokens)
        case .text: #expect(end.text == b.text && end.pooled == b.pooled)
        }
        let middle = try pipeline.blended(a, with: b, in: part, ofSubject: 0, scene: one) { way($0, $1, at: 0.5) }
        if part != .text {
          #expect(middle.subjectTokens.sliced(axis: 0, 0..<1) != a.subjectTokens.sliced(axis: 0, 0..<1))
          #expect(middle.subjectTokens.sliced(axis: 0, 1..<2) == a.subjectTokens.sliced(axis: 0, 1..<2))
        }
      }
    }
  }

  @Test func hostileRequestsAreRefusedWithTheReason() throws {
    let pipeline = try Small.pipeline()
    let bad: [(String, (inout Scene) throws -> Void)] = [
      ("outside", { $0.subjects[0].box = Box(-0.1, 0, 0.5, 1) }),
      ("reversed", { $0.subjects[0].box = Box(0.9, 0, 0.1, 1) }),
      ("no area", { $0.subjects[0].box = Box(0.5, 0, 0.5, 1) }), ("NaN", { $0.subjects[0].box = Box(.nan, 0, 0.5, 1) }),
      ("size", { $0.height = 63 }), ("size", { $0.width = 0 }), ("huge", { $0.width = 1 << 20 }),
      ("steps", { $0.steps = 0 }),
      ("samples", { $0.samples = -1 }), ("guidance", { $0.guidance = .infinity }), ("scale", { $0.scale = .nan }),
      ("one scale", { $0.subjects[0].scale = 0.5 }),
      ("mask", { $0.subjects[0].mask = Picture(PixelImage(width: 2, height: 2)) }),
      (
        "phrase",
        {
          $0.subjects[0].phrase = "dog"
          $0.layout.pseudoLayout = .published
        }
      ),
      (
        "phrase",
        {
          $0.subjects[0].phrase = "dog"
          $0.layout.masksText = true
        }
      ), ("steps", { $0.steps = 1001 }),
    ]
    for (name, change) in bad {
      let error = #expect(throws: (any Error).self, "\(name)") { try pipeline.generate(Small.scene(change)) }
      #expect(!"\(try #require(error))".contains("Error("), "\(name) needs a written message")
    }
    #expect(throws: PipelineError.self) { try pipeline.generate([Scene]()) }
  }

  @Test func suspiciousRequestsCauseWarnings() throws {
    let pipeline = try Small.pipeline()
    let absent = try pipeline.generate(Small.scene { $0.subjects[0].phrase = "dog" })
    #expect(absent.warnings.contains { $0.contains("'dog'") && $0.contains("beach") })
    let long = try pipeline.generate(Small.scene { $0.prompt += String(repeating: " and more", count: 60) })
    #expect(long.warnings.contains { $0.contains("77") && $0.contains("more") })
    #expect(try pipeline.generate(Small.scene { $0.subjects[0].box = .none }).warnings.isEmpty)
  }

  @Test func weightsThatCannotFitAreRefused() throws {
    let pipeline = try Small.pipeline()
    try pipeline.checkMemory()
    #expect {
      try pipeline.checkMemory(available: 1000)
    } throws: { error in
      guard case PipelineError.memory(let folder, let needed, 1000) = error else { return false }
      return folder == pipeline.folder && needed > 1000 && "\(error)".contains("every step reads")
    }
    #expect(pipeline.summary.contains("weights") && pipeline.summary.contains("OpenBLAS"))
  }

  @Test func aCheckpointSetsTheDefaultsOfRequests() throws {
    let folder = try TemporaryFolder()
    let model = try Small.copy(to: folder)
    let plain = try Pipeline(folder.path).defaults
    #expect(plain == .published)
    #expect(plain.prompt("a cat") == "best quality, high quality, a cat")
    let heads = JSONValue(try model.configuration(of: .adapter)["heads"].int())
    let own: JSONValue = ["quality_prompt": "", "guidance": 3, "guidance_interval": [0.5, 5]]
    try model.write(["heads": heads, "defaults": own], of: .adapter)
    let defaults = try Pipeline(folder.path).defaults
    #expect(defaults.prompt("a cat") == "a cat")
    var expected = SceneSettings.published
    (expected.guidance, expected.guidanceInterval) = (3, 0.5...5)
    #expect(defaults.settings == expected)
    try model.write(["heads": heads, "defaults": ["scale": "much"]], of: .adapter)
    #expect(throws: JSONError.self) { try Pipeline(folder.path) }
    try model.write(["heads": heads, "defaults": ["guidence": 3]], of: .adapter)
    #expect {
      try Pipeline(folder.path)
    } throws: { "\($0)".contains("guidence") && "\($0)".contains("is it guidance?") }
  }

  @Test func aConfigurationForOtherWeightsIsRefused() throws {
    let folder = try TemporaryFolder()
    let model = try Small.copy(to: folder)
    // One layer fewer than the weights have: no weight is missing, but the text would be encoded differently.
    guard case .object(var options)? = try model.configuration(of: .textEncoder).value else { return }
    options["num_hidden_layers"] = 2
    try model.write(.object(options), of: .textEncoder)
    #expect {
      try Pipeline(folder.path)
    } throws: { error in
      guard case ParameterError.surplus(let keys, let source)? = error as? ParameterError else { return false }
      return keys.allSatisfy { $0.contains("layers.2.") } && source.hasSuffix("text_encoder")
        && "\(error)".contains("16")
    }
    _ = try Pipeline(folder.path, ignoresSurplus: true)
  }

  @Test func incompleteFoldersAreRefused() throws {
    let folder = try TemporaryFolder()
    #expect {
      try Pipeline(folder.path)
    } throws: { $0 is CheckpointError && "\($0)".contains("expected unet/, found nothing") }
    let model = try Small.copy(to: folder)
    _ = try Pipeline(folder.path)
    try model.write(["heads": 5], of: .adapter)
    #expect(throws: ParameterError.self) { try Pipeline(folder.path) }
    try model.write([:], of: .adapter)
    #expect(throws: ParameterError.self) { try Pipeline(folder.path) }
    for _ in 1...2 { try FileManager.default.removeItem(atPath: model.path(of: .adapter)) }
    let base = try Pipeline(folder.path)
    #expect(base.adapter == nil)
    #expect {
      try base.generate(Small.scene())
    } throws: { "\($0)".contains("ms_adapter") }
    _ = try base.generate(Small.scene { $0.subjects = [] })
  }
}
