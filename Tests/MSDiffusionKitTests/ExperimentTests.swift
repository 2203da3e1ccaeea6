import Foundation
import MSDiffusionKit
import TestSupport
import Testing

/// A figure's numbers depend on its inputs, and are saved next to it.
@Suite(.longNumeric) struct ExperimentTests {
  private let run = Result { try Run(name: "Test", arguments: ["--steps", "3", "--size", "64"]) }

  private func fits(_ change: (inout Scene) throws -> Void = { _ in }) throws -> [Double] {
    let run = try self.run.get()
    var scene = try run.scene(
      "a cat and a cup on the beach",
      [try run.subject("cat", box: Box(0, 0.2, 0.45, 0.8)), try run.subject("cup", box: Box(0.55, 0.2, 1, 0.8))])
    try change(&scene)
    let recorder = AttentionRecorder(.text)
    let generation = try run.pipeline().generate(scene, observing: [recorder])
    return try recorder.attended(in: generation).map { $0.fit?.inBoxMass ?? -1 }
  }

  @Test func oneBoxOnePhotographOrTheScaleChangesTheNumbers() throws {
    let first = try fits()
    #expect(first.allSatisfy { $0 > 0 && $0 < 1 })
    #expect(try fits() == first)
    #expect(try fits { $0.subjects[0].box = Box(0, 0.2, 0.4, 0.8) } != first)
    #expect(try fits { $0.subjects[1].picture = try run.get().reference("rocket") } != first)
    #expect(try fits { $0.scale /= 2 } != first)
  }

  @Test func everyKindOfRecorderGivesItsMaps() throws {
    let run = try self.run.get()
    let pipeline = try run.pipeline()
    let scene = try run.scene(
      "a cat and a cup on the beach",
      [try run.subject("cat", box: Box(0, 0, 0.5, 1)), try run.subject("cup", box: Box(0.5, 0, 1, 1))])
    let columns = pipeline.columns(of: scene)
    let (masked, free) = (AttentionRecorder(.subjects), AttentionRecorder(.unmaskedSubjects))
    let added = AttentionRecorder(.contribution)
    let generation = try pipeline.generate(scene, observing: [masked, free, added])
    let mask = Box(0, 0, 0.5, 1).mask(height: 4, width: 4)
    // The masked map only shows the box again, whatever the model attends to; the unmasked map does not.
    let redrawn = try masked.maps().layerHeatmaps("cat", tokens: columns[0])
    for map in redrawn where map.height == 4 {
      for (value, inside) in zip(map.values.values, mask.values) {
        #expect(abs(value * Float(columns[0].count) - inside) < 1e-4)
      }
    }
    let unmasked = try free.heatmaps(in: generation)
    #expect(unmasked[0].values.minimum().item > 0)
    let all = 0..<columns[1].upperBound
    #expect(abs(try free.heatmap("all", tokens: all).values.mean().item * Float(all.count) - 1) < 1e-3)
    #expect(try added.heatmaps(in: generation).map(\.label) == ["cat", "cup"])
  }

  @Test func figuresHaveTheirNumbersBesideThem() throws {
    let folder = try TemporaryFolder()
    let run = try Run(name: "Test", arguments: ["--steps", "2", "--seed", "5", "--output", folder.file("out")])
    try run.save(PixelImage(width: 30, height: 20), numbers: .object([("mass", 0.25)]))
    let record = try JSONNode.read(folder.file("out/Test.json"))
    #expect(try record["seed"].string() == "5")
    #expect(try record["options"]["steps"].int() == 2)
    #expect(try record["numbers"]["mass"].double() == 0.25)
    #expect(try record["checkpoint"]["sha256"].string().count == 64)
    #expect(try PixelImage(contentsOf: folder.file("out/Test.png")).width == 30)
    #expect(throws: (any Error).self) {
      try Run(name: "Test", arguments: ["--output", "/proc/none"]).save(PixelImage(width: 3, height: 2), numbers: .null)
    }
  }

  @Test func wrongOptionsAreRefused() {
    for arguments in [["--steps", "many"], ["--steps", "0"], ["--size", "-4"], ["--sed", "3"], ["extra"]] {
      #expect(throws: (any Error).self) { try Run(name: "Test", arguments: arguments) }
    }
    #expect(throws: RunError.unknownReference(name: "hippo", known: Bundled.referenceNames)) {
      try Run(name: "Test", arguments: []).reference("hippo")
    }
  }

  @Test func publishedSizesHaveTheirParameterCounts() throws {
    let counts = Dictionary(
      uniqueKeysWithValues: try RandomCheckpoint.publishedParts().map { ($0.part, $0.parameterCount) })
    #expect(counts[.unet] == 2_567_463_684)
    #expect(counts[.vae] == 83_653_863)
    #expect(counts[.textEncoder] == 123_060_480)
    #expect(counts[.secondTextEncoder] == 694_659_840)
    #expect(counts[.imageEncoder] == 1_844_907_264)
    #expect(counts[.adapter] == 459_739_008)
  }

  @Test func aRandomCheckpointOpensAsAPipeline() throws {
    let (folder, small) = (try TemporaryFolder(), ModelFolder(Golden.path("pipeline")))
    let parts = try RandomCheckpoint.parts { part in
      guard part == .adapter else { return try small.configuration(of: part).value ?? .null }
      let weights = Scope(CheckpointSource(try small.checkpoint(of: part)))
      return .object(try AdapterConfiguration(small.configuration(of: part), weights: weights).entries)
    }
    for part in parts {
      let keys = try small.checkpoint(of: part.part).keys
      #expect(part.shapes.keys.sorted() == keys.filter { !$0.hasSuffix("position_ids") }, "\(part.part)")
    }
    let target = ModelFolder(folder.path, variant: "fp16")
    var last = (done: 0, total: 0)
    try RandomCheckpoint.write(parts, to: target, seed: 3) { last = ($0, $1) }
    #expect(last.done == last.total && last.total == parts.reduce(0) { $0 + $1.shapes.count })
    let pipeline = try Pipeline(folder.path)
    #expect(pipeline.adapter?.tokens == 4 && pipeline.sources.count == 6)
    // Existing weights are kept.
    let hash = pipeline.hash()
    try RandomCheckpoint.write(parts, to: target, seed: 4)
    #expect(try Pipeline(folder.path).hash() == hash)
  }

  @Test func valuesDescribeThemselvesOnOneLine() throws {
    #expect(
      "\(Tensor([1, 2, 3, 4, 5, 6, 7, 8], shape: [2, 4]))"
        == "Tensor [2, 4], 1.0…8.0, mean 4.5: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, …]")
    #expect("\(Heatmap(Tensor([0, 1], shape: [1, 2]), label: "cat"))" == "Heatmap “cat” 1×2, 0.0…1.0")
    #expect("\(PixelImage(width: 2, height: 3, red: 9))" == "Image 2×3, mean colour [9, 0, 0]")
    for value in [Mirror(reflecting: Tensor(1)), Mirror(reflecting: PixelImage(width: 1, height: 1))] {
      #expect(value.children.count == 1)
    }
  }
}
