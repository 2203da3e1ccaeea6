import Foundation
import MSDiffusionKit
import TestSupport
import Testing

/// The record next to a figure contains or names everything that the figure was made from.
@Suite(.longNumeric) struct SceneRecordTests {
  private let folder = Result { try TemporaryFolder() }

  private func run(_ arguments: [String] = []) throws -> Run {
    try Run(name: "Test", arguments: ["--steps", "2", "--output", folder.get().file("out")] + arguments)
  }

  @Test func theRecordOfAFigureReadsBackAsItsScenes() throws {
    let run = try run()
    var numbers = TestNumbers(4)
    let noisy = PixelImage(width: 96, height: 96, pixels: (0..<96 * 96 * 3).map { _ in UInt8(numbers.next() * 255) })
    let mask = PixelImage(
      width: 96, height: 96,
      pixels: (0..<96 * 96).flatMap { _ in [UInt8](repeating: UInt8(numbers.next() * 255), count: 3) })
    let tiny = PixelImage(width: 4, height: 3, red: 250, green: 1)
    let path = try folder.get().file("own.png")
    try tiny.write(path)
    let boxes = [Box(0, 0.2, 0.45, 0.8), Box(0.55, 0.2, 1, 0.8)]
    let scenes = [
      try run.scene("a fox and a cup", [run.subject("fox", box: boxes[0]), run.subject("cup", box: boxes[1])]),
      try run.scene("a fox and a cup", [run.subject("fox", box: boxes[0]), run.subject("cup", box: boxes[1])]) {
        $0.layout.pseudoLayout = .joint
        $0.noise = InitialNoise(numbers.tensor([1, 4, 16, 16], in: -2...2))
      },
      try run.scene("a thing", [Subject("thing", image: noisy, box: .whole, mask: mask)]) { $0.samples = 2 },
      try run.scene("a thing", [Subject("thing", image: tiny)]) { $0.guidance = 1 },
      try run.scene("a thing", [run.subject(path, phrase: "thing")]) { $0.seed = .max },
    ]
    for (index, scene) in scenes.enumerated() { _ = try run.generate(scene, as: "scene \(index)") }
    _ = try run.generate(scenes[0], as: "again")
    let conditions = try run.pipeline().conditions(for: scenes[0])
    _ = try run.generate(scenes[0], conditions: conditions, as: "own")
    try run.save(tiny, numbers: .null)
    let record = try folder.get().file("out/Test.json")
    let found = try SceneRecord.read(besideFigure: record)
    #expect(found.map(\.scene) == scenes + [scenes[0]])
    #expect(found.map(\.labels) == [["scene 0", "again"]] + (1..<5).map { ["scene \($0)"] } + [["own"]])
    #expect(found.map(\.hasOwnConditions) == [false, false, false, false, false, true])
    // Bundled pictures are recorded by name; other large pictures are saved next to the record.
    #expect(try bytes(of: record).count < 20_000)
    let json = try JSONNode.read(record)["scenes"]
    #expect(try json[0]["scene"]["subjects"][0]["picture"]["name"].string() == "fox")
    #expect(try json[2]["scene"]["subjects"][0]["picture"]["file"].string().hasPrefix("Test/picture-"))
    #expect(json[3]["scene"]["subjects"][0]["picture"]["png"].isPresent)
    // A picture file that has changed since is an error.
    try noisy.write(path)
    #expect(throws: SceneError.self) { try SceneRecord.read(besideFigure: record) }
  }

  @Test func scenesThatDifferInOneRuleHaveDifferentRecords() throws {
    let run = try run()
    for rule in [nil, PseudoLayout.published, .joint] {
      _ = try run.generate(try run.scene("a fox", [run.subject("fox")]) { $0.layout.pseudoLayout = rule }, as: "fox")
    }
    #expect(run.generated.count == 3)
  }

  @Test func settingsComeFromCheckpointScriptAndOptions() throws {
    let plain = try Run(name: "Test", arguments: [])
    let model = try plain.pipeline().defaults
    #expect(model.settings.scale == 1.4 && model.settings.guidanceInterval == 0...5)
    #expect(try plain.scene("a fox", []) == Scene("a fox", settings: model.settings))
    #expect(try plain.scene("a fox", [], steps: 20).steps == 20)
    let options = ["--guidance", "3", "--size", "96", "--scheduler", "ddim", "--seed", "8"]
    let scene = try run(options).scene("a fox", [], steps: 20) { $0.scale = 0.2 }
    var expected = model.settings
    (expected.steps, expected.guidance, expected.scale, expected.seed) = (2, 3, 0.2, 8)
    (expected.height, expected.width, expected.scheduler) = (96, 96, .ddim)
    #expect(scene.settings == expected)
    // Options override a scene file, too.
    let path = try folder.get().file("scene.json")
    try JSONValue.object([
      ("prompt", "a fox"), ("subjects", [["phrase": "fox", "picture": "fox"]]),
      ("settings", ["guidance": 2, "samples": 3]),
    ]).write(to: path)
    let read = try run(options).scene(contentsOf: path)
    (expected.scale, expected.samples) = (model.settings.scale, 3)
    #expect(read.settings == expected)
    #expect(try read.subjects == [plain.subject("fox")])
    let alone = try Scene(contentsOf: path).settings
    #expect(alone == SceneSettings.published.overlaid(with: SettingsOverlay { ($0.guidance, $0.samples) = (2, 3) }))
  }
}
