import Analysis
import Evaluation
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct ResultsTests {
  @Test func meansAreTakenPerSceneFirst() {
    let rows = [[1, 0.5], [], [0]]
    #expect(rows.means { $0 } == [0.75, 0] && rows.mean { $0 } == 0.375)
    #expect(rows.rate { row in row.map { $0 > 0.9 } } == 0.25)
    #expect([[Double]]().mean { $0 } == nil)
  }

  @Test func overlapsAreAveragedOverScenesWithSilhouettes() {
    let rows = [[0.2, 0.4], [], [0.4, 0]].enumerated().map { scene, overlaps in
      AttentionRow(
        scene: scene, areas: [],
        pointing: [.init(scale: 0, layers: .all(.uniform), hits: [1], overlaps: overlaps)])
    }
    #expect(zip(rows.overlaps(scale: 0), [0.3, 0.2]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(rows.overlaps(scale: 1).isEmpty && rows[0].pointing(scale: 0, .height(16)) == nil)
  }

  /// Tests one kind of row. The others are tested with the report, which must be the same after its rows are read back.
  @Test func rowsAreReadBackFromJSON() throws {
    let row = LayoutRow(scene: 3, variants: ["a": [0.1, 1 / 3]], heights: [16: [0.5], 8: []], silhouettes: [1])
    #expect(try JSONNode(JSONValue(encoding: row), name: "row").decoded(as: LayoutRow.self) == row)
    #expect(throws: JSONError.self) { try JSONNode([:], name: "row").decoded(as: LayoutRow.self) }
  }

  @Test func findingsKnowWhetherTheyAreMet() throws {
    let interval = try ConfidenceInterval.proportion(successes: 9, trials: 10)
    #expect(Finding("a", interval: interval, target: 0.9, scenes: 10).isMet == true)
    #expect(Finding("a", interval: interval, target: 0.91, scenes: 10).isMet == false)
    #expect(Finding("a", interval: interval, scenes: 10).isMet == nil)
    for stage in [nil, StageName.base, "another stage"] {
      let finding = Finding("a", interval: interval, target: 0.5, scenes: 10, stage: stage)
      var settings = GenerationSettings(steps: 7, guidanceInterval: 0.5...5)
      settings.scene.scheduler = .ddim
      let results = ModelResults(checkpoint: "", settings: settings, findings: [finding])
      let read = try ModelResults(JSONNode(results.json, name: "results"))
      #expect(read.findings.map(\.stage) == [stage] && read.settings == settings)
    }
  }

  @Test func logsAreThinned() throws {
    let folder = try TemporaryFolder()
    let lines = (1...100).map { #"{"step":\#($0),"samples":\#($0 * 8),"learningRate":0.1,"loss":\#($0)}"# }
    let text = (lines + [#"{"step":100,"samples":800,"evaluation":{"heldOut.denoising":0.5}}"#]).joined(separator: "\n")
    try FileManager.default.createDirectory(atPath: folder.file("base"), withIntermediateDirectories: false)
    _ = try folder.write(Array(text.utf8), as: "base/log.jsonl")
    let curves = try TrainingCurves(workingFolder: folder.path, stages: ["vae", "base"], points: 10)
    #expect(
      curves.curves.map(\.name) == ["loss", "heldOut.denoising"] && curves.curves.map(\.stage) == ["base", "base"])
    #expect(curves.curves[0].values.count == 10 && curves.curves[0].values[0] == 5.5)
    #expect(curves.curves[0].samples[9] == 95.5 * 8)
    #expect(try TrainingCurves(JSONNode(curves.json, name: "curves")) == curves)
    #expect(try TrainingCurves(workingFolder: folder.file("none"), stages: ["base"]).curves.isEmpty)
  }

  @Test func milestonesAreCurvesOfFindingsWithATarget() {
    func findings(_ pointing: Double) -> [Finding] {
      func interval(_ value: Double) -> ConfidenceInterval {
        ConfidenceInterval(estimate: value, lower: 0, upper: 1, confidence: 0.95)
      }
      return [
        Finding("pointing", interval: interval(pointing), target: 0.97, scenes: 9, stage: .base),
        Finding("nearest", interval: interval(pointing / 2), target: 0.8, scenes: 9, stage: .adapter),
        Finding("reported only", interval: interval(0.4), scenes: 9, stage: .base),
        Finding("bit for bit", interval: interval(1), target: 1, scenes: 8, stage: .base),
        Finding("of the judge", interval: interval(0.5), target: 0.8, scenes: 8),
      ]
    }
    var curves = TrainingCurves([])
    curves.add(findings(0.9), stage: .base, samples: 200)
    curves.add(findings(0.7), stage: .base, samples: 100)
    curves.add(findings(0.5), stage: .base, samples: 200)
    curves.add(findings(0.2), stage: .adapter, samples: 50)
    #expect(
      curves.curves == [
        .init(stage: "base", name: "pointing", samples: [100, 200], values: [0.7, 0.5]),
        .init(stage: "adapter", name: "nearest", samples: [50], values: [0.1]),
      ])
  }
}
