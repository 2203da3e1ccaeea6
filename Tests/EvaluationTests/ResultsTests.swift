import Analysis
import Evaluation
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct ResultsTests {
  @Test func rowsGiveMeansAndCurves() {
    let rows = [
      SceneRow(scene: 1, values: ["hit": [1, 0], "curve": [0.2, 0.4]]),
      SceneRow(scene: 2, values: ["curve": [0.4, 0]]),
    ]
    #expect(rows.means("hit") == [0.5] && rows.mean("hit") == 0.5)
    #expect(rows.mean("none") == nil && rows.curve("none").isEmpty)
    #expect(zip(rows.curve("curve"), [0.3, 0.2]).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test func findingsKnowWhetherTheyAreMet() throws {
    let interval = try ConfidenceInterval.proportion(successes: 9, trials: 10)
    #expect(Finding("a", interval: interval, reach: 0.9, scenes: 10).isMet == true)
    #expect(Finding("a", interval: interval, reach: 0.91, scenes: 10).isMet == false)
    #expect(Finding("a", interval: interval, scenes: 10).isMet == nil)
  }

  @Test func logsAreThinned() throws {
    let folder = try TemporaryFolder()
    let lines = (1...100).map { #"{"step":\#($0),"samples":\#($0 * 8),"learningRate":0.1,"loss":\#($0)}"# }
    let text = (lines + [#"{"step":100,"samples":800,"evaluation":{"heldOut.denoising":0.5}}"#]).joined(separator: "\n")
    try FileManager.default.createDirectory(atPath: folder.file("base"), withIntermediateDirectories: false)
    _ = try folder.write(Array(text.utf8), as: "base/log.jsonl")
    let curves = try TrainingCurves(workingFolder: folder.path, points: 10)
    #expect(
      curves.curves.map(\.name) == ["loss", "heldOut.denoising"] && curves.curves.map(\.stage) == ["base", "base"])
    #expect(curves.curves[0].values.count == 10 && curves.curves[0].values[0] == 5.5)
    #expect(curves.curves[0].samples[9] == 95.5 * 8)
    #expect(try TrainingCurves(JSONNode(curves.json, name: "curves")) == curves)
    #expect(try TrainingCurves(workingFolder: folder.file("none")).curves.isEmpty)
  }
}
