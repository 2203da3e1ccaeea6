import Analysis
import Foundation
import Images
import JSON
import MSDiffusion
import Models
import Tensors
import TestSupport
import Testing

/// Every field of a scene goes to JSON and back.
@Suite struct SceneTests {
  private func read(
    _ json: JSONValue, files: SceneFiles = SceneFiles(), defaults: SceneSettings = .published
  ) throws -> Scene {
    try Scene(
      JSONNode(JSONValue.parse(json.text(pretty: true), name: "scene"), name: "scene"), files: files,
      defaults: defaults)
  }

  @Test func everyFieldGoesToJSONAndBack() throws {
    let base = try ScenePart.base()
    #expect(try read(base.json()) == base)
    for part in ScenePart.all {
      let stored = Mirror(reflecting: try #require(part.value(base))).children.compactMap(\.label)
      #expect(part.changes.map(\.property).sorted() == stored.sorted(), "\(part.name) needs a change of each property")
      for (property, apply) in part.changes {
        var changed = base
        try apply(&changed)
        #expect(changed != base && changed.json() != base.json(), "\(part.name).\(property)")
        #expect(try read(changed.json()) == changed, "\(part.name).\(property)")
      }
    }
  }

  @Test func numbersKeepEveryBit() throws {
    var numbers = TestNumbers(9)
    for _ in 0..<2000 {
      let bits = UInt32(numbers.next() * 0xffff) << 16 | UInt32(numbers.next() * 0xffff)
      let value = Float(bitPattern: bits)
      guard value.isFinite else { continue }
      let scene = Scene("a cat", guidance: value)
      #expect(try read(scene.json()).guidance.bitPattern == value.bitPattern)
    }
    let ranges: [ClosedRange<Float>] = [
      -Float.infinity...3, 0.1...Float.infinity, -Float.infinity...Float.infinity, 0.1...0.1,
    ]
    for range in ranges {
      #expect(try read(Scene("a cat", guidanceInterval: range).json()).guidanceInterval == range)
    }
    for seed: UInt64 in [0, 1 << 53, 1 << 53 + 1, .max] {
      #expect(try read(Scene("a cat", seed: seed).json()).seed == seed)
    }
  }

  @Test func missingFieldsHaveTheirDefaults() throws {
    #expect(try read(["prompt": "a cat"]) == Scene("a cat"))
    let named: JSONValue = ["prompt": "a cat", "subjects": [["phrase": "cat", "picture": "cat"]]]
    let files = SceneFiles { Golden.path("photos/\($0).jpg") }
    #expect(try read(named, files: files) == Scene("a cat", subjects: [Subject("cat", image: Small.photo("cat.jpg"))]))
    let rule: JSONValue = ["prompt": "a cat", "layout": ["pseudo_layout": ["largest_part": "eight"]]]
    #expect(try read(rule) == Scene("a cat", pseudoLayout: PseudoLayout(largestPart: .eight)))
    // For a setting that can be nil, null does not mean the default.
    #expect(try read(["prompt": "a cat", "settings": ["negative_prompt": .null]]).negativePrompt == nil)
    let own = SceneSettings.published.overlaid(with: SettingsOverlay { $0.steps = 7 })
    #expect(try read(["prompt": "a cat", "settings": ["guidance": 2]], defaults: own).settings.steps == 7)
  }

  @Test(arguments: [
    (#"{}"#, "prompt"), (#"{"prompt": "a", "promt": "b"}"#, "is it prompt?"),
    (#"{"prompt": "a", "settings": {"step": 3}}"#, "is it steps?"),
    (#"{"prompt": "a", "settings": {"steps": null}}"#, "settings.steps"),
    (#"{"prompt": "a", "settings": {"guidance_interval": [3, 1]}}"#, "guidance_interval"),
    (#"{"prompt": "a", "settings": {"seed": -1}}"#, "settings.seed"),
    (#"{"prompt": "a", "settings": {"scheduler": "eula"}}"#, "eula"),
    (#"{"prompt": "a", "layout": {"mask_text": true}}"#, "is it masks_text?"),
    (#"{"prompt": "a", "layout": {"pseudo_layout": {"memory": 2}}}"#, "pseudo_layout.memory"),
    (#"{"prompt": "a", "layout": {"pseudo_layout": {"fusion": "all"}}}"#, "'concentration'"),
    (#"{"prompt": "a", "subjects": [{"phrase": "a"}]}"#, "subjects[0].picture"),
    (#"{"prompt": "a", "subjects": [{"phrase": "a", "picture": {"png": "AAAA"}}]}"#, "subjects[0].picture.png"),
    (#"{"prompt": "a", "subjects": [{"phrase": "a", "picture": {"png": "AAAA", "file": "b"}}]}"#, "one of name"),
    (#"{"prompt": "a", "subjects": [{"phrase": "a", "picture": "unheard"}]}"#, "'unheard'"),
    (#"{"prompt": "a", "noise": {"shape": [2], "float32": "AAAA"}}"#, "2 numbers"),
  ])
  func invalidFieldsAreRefusedWithTheirLocation(text: String, part: String) throws {
    let error = #expect(throws: (any Error).self) {
      try Scene(JSONNode(JSONValue.parse(text, name: "scene"), name: "scene"))
    }
    #expect("\(try #require(error))".contains(part), "\(String(describing: error))")
  }

  @Test func filesAreRelativeToTheSceneAndChecked() throws {
    let folder = try TemporaryFolder()
    let image = PixelImage(width: 6, height: 5, red: 10, green: 200, blue: 30)
    try FileManager.default.createDirectory(atPath: folder.file("photos"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: folder.file("scenes"), withIntermediateDirectories: true)
    try image.write(folder.file("photos/a.png"))
    var numbers = TestNumbers(1)
    try NumPyFile.write(numbers.tensor([1, 4, 2, 2]), to: folder.file("photos/noise.npy"))
    let here = FileManager.default.currentDirectoryPath.split(separator: "/").map { _ in "../" }.joined()
    let path = here + folder.file("photos/a.png").dropFirst()
    var scene = Scene("an a", subjects: [Subject("a", picture: try Picture(contentsOf: path), box: .whole)])
    scene.subjects[0].mask = try Picture(contentsOf: folder.file("photos/a.png"))
    scene.noise = try InitialNoise(contentsOf: here + folder.file("photos/noise.npy").dropFirst())
    let json = scene.json(in: folder.file("scenes"))
    let node = JSONNode(json, name: "scene")
    #expect(try node["subjects"][0]["picture"]["file"].string() == "../photos/a.png")
    #expect(try node["subjects"][0]["mask"]["file"].string() == folder.file("photos/a.png"))
    #expect(try node["noise"]["file"].string() == "../photos/noise.npy")
    let files = SceneFiles(folder: folder.file("scenes"))
    let found = try read(json, files: files)
    #expect(found == scene && found.subjects[0].picture.origin?.sha256 == scene.subjects[0].picture.origin?.sha256)
    #expect(try read(scene.json()) == scene)
    try PixelImage(width: 6, height: 5, red: 11, green: 200, blue: 30).write(folder.file("photos/a.png"))
    #expect {
      try read(json, files: files)
    } throws: { error in
      guard case SceneError.changedFile(_, let path, _, _)? = error as? SceneError else { return false }
      return path == folder.file("photos/a.png") && "\(error)".contains("subjects[0].picture")
    }
  }

  @Test func overlaysCoverEverySetting() throws {
    let properties = Mirror(reflecting: SceneSettings.published).children.compactMap(\.label)
    let said = Mirror(reflecting: SettingsOverlay()).children.compactMap(\.label)
    #expect(said.sorted() == (properties + ["qualityPrompt"]).sorted())
    #expect(SceneDefaults.published.overlaid(with: SettingsOverlay()) == .published)
    let published = try object(SceneSettings.published.json)
    for (property, apply) in ScenePart.settings.changes {
      var scene = Scene("a cat")
      try apply(&scene)
      // A checkpoint's configuration uses the same keys.
      let json = try object(scene.settings.json)
      let changed = json.keys.filter { json[$0] != published[$0] }.map { ($0, json[$0] ?? .null) }
      #expect(changed.count == 1, "\(property)")
      let overlay = try SettingsOverlay(json: JSONNode(.object(changed), name: "overlay"))
      #expect(SceneDefaults.published.overlaid(with: overlay).settings == scene.settings, "\(property)")
      #expect(overlay.json == .object(changed), "\(property)")
    }
    let words = SettingsOverlay { $0.qualityPrompt = "fine" }
    #expect(SceneDefaults.published.overlaid(with: words).prompt("a cat") == "fine, a cat")
    #expect(try SettingsOverlay(json: JSONNode(words.json, name: "overlay")) == words)
  }

  private func object(_ value: JSONValue) throws -> JSONObject {
    guard case .object(let object) = value else { throw JSONNode(value, name: "value").mismatch("an object") }
    return object
  }
}

/// Scenes generated in one batch equal those generated singly, or are refused with the field in which they differ.
@Suite(.longNumeric) struct SceneBatchTests {
  /// The properties in which the scenes of a batch must agree, and their names in messages.
  private static let shared = [
    "height": "height", "width": "width", "steps": "steps", "scheduler": "scheduler",
    "pseudoLayout": "layout.pseudo_layout", "masksText": "layout.masks_text",
    "zeroesBackground": "layout.zeroes_background", "confinesSubjects": "layout.confines_subjects",
    "layout": "layout.masks_text", "threshold": "layout.pseudo_layout.threshold",
    "largestPart": "layout.pseudo_layout.largest_part", "fillsHoles": "layout.pseudo_layout.fills_holes",
    "fusion": "layout.pseudo_layout.fusion", "usesBoxes": "layout.pseudo_layout.uses_boxes",
    "decay": "layout.pseudo_layout.memory", "startStep": "layout.pseudo_layout.start_step",
  ]

  @Test func everyPropertyIsFreeInABatchOrRefusedByName() throws {
    let pipeline = try Small.pipeline()
    let base = try ScenePart.base()
    // No pseudo layout: its masks would depend on the last bits of a map.
    let plain = base.with { $0.layout.pseudoLayout = nil }
    let alone = try pipeline.generate(plain).latents
    for part in ScenePart.all {
      for (property, apply) in part.changes {
        if let option = Self.shared[property] {
          var changed = base
          try apply(&changed)
          #expect {
            try pipeline.generate([base, changed])
          } throws: { error in
            guard case PipelineError.mixedBatch(let found, let values)? = error as? PipelineError else { return false }
            return found == option && values.count == 2 && values[0] != values[1]
          }
        } else {
          var changed = plain
          try apply(&changed)
          let together = try pipeline.generate([plain, changed])
          #expect(together[0].latents.isClose(to: alone, relative: 1e-4), "\(part.name).\(property)")
          let own = try pipeline.generate(changed).latents
          #expect(together[1].latents.isClose(to: own, relative: 1e-4), "\(part.name).\(property)")
        }
      }
    }
  }

  @Test func namingTheCheckpointsOwnSchedulerChangesNothing() throws {
    let name = try JSONNode.read(Golden.path("pipeline/scheduler/scheduler_config.json"))["_class_name"].string()
    let scenes = [try Small.scene(), try Small.scene { $0.scheduler = try .named(name) }]
    let found = try Small.pipeline().generate(scenes)
    #expect(found[0].latents.isClose(to: found[1].latents, relative: 1e-4))
  }
}
