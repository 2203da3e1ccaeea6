import Analysis
import Checkpoints
import Evaluation
import JSON
import MSDiffusion
import TestSupport
import Testing
import TrainingData

/// Measures of the untrained model are near chance, in range, and the same each time.
@Suite(.longNumeric) struct ModelTests {
  private let settings = GenerationSettings(steps: 2, guidance: 2, batch: 2)

  @Test func untrainedAttentionIsNearChance() throws {
    let pipeline = try Untrained.pipeline()
    let scenes = TestScenes(world, split: .heldOutIdentities, subjects: 2)
    let rows = try Evaluator(world: world).attention(pipeline, scenes, count: 12)
    let area = try #require(rows.mean(\.areas))
    #expect((0.03...0.2).contains(area))
    for scale in [0, 1] as [Float] {
      #expect(try #require(rows.mean { $0.pointing(scale: scale)?.hits ?? [] }) < 0.5)
      #expect(rows.overlaps(scale: scale).count == 41)
      // At threshold 0 all cells of a map count except the one with the least value, so the overlap is at chance level.
      #expect(abs(rows.overlaps(scale: scale)[0] - area) < 0.02)
    }
    #expect(rows.allSatisfy { $0.pointing(scale: 0, .height(16))?.hits.count == 2 })
  }

  @Test func theReportIsCompleteAndContinuesWhereItStopped() throws {
    let pipeline = try Untrained.pipeline()
    let folder = try TemporaryFolder()
    var calls: [String] = []
    func results() throws -> ModelResults {
      let evaluator = Evaluator(world: world, folder: folder.path) { calls.append("\($0.name) \($0.done)/\($0.total)") }
      return try ModelEvaluation(
        evaluator, pipeline, extent: .init(attention: 4, generated: 3), settings: settings
      ).results()
    }
    let first = try results()
    #expect(calls.contains("subject, heldOutIdentities 2/3") && calls.contains("pair, heldOutIdentities 3/3"))
    #expect(first.findings.count == 16)
    for name in ["pointing at γ = 0", "pointing at γ = 1", "subject is nearest of 20", "pseudo layout, best variant"] {
      let finding = try #require(first[name])
      #expect((0...1).contains(finding.interval.estimate) && finding.target != nil && finding.chance != nil)
      #expect(finding.isMet != nil)
    }
    let equality = try #require(first["γ = 0 is the base model"])
    for finding in first.findings where finding.target != nil && finding.target != 1 {
      #expect(finding.stage == (finding.name.contains("γ = 0") ? .base : .adapter), "\(finding.name)")
    }
    #expect(equality.interval.estimate == 1 && equality.isMet == true)
    #expect(first.missing == ["attention of a base without grounding supervision (none was given)"])
    calls = []
    #expect(try results() == first)
    #expect(!calls.contains { $0.contains(" 2/3") }, "measured again: \(calls)")
    #expect(try ModelResults(JSONNode(first.json, name: "results")).findings.map(\.name) == first.findings.map(\.name))
  }

  @Test func aBaseIsMeasuredWithoutAnAdapter() throws {
    let folder = try TemporaryFolder()
    try ModelFolder(folder.path).link(to: ModelFolder(Untrained.pipeline().folder), except: [.adapter])
    let base = try Pipeline(folder.path)
    let evaluator = Evaluator(world: world)
    let evaluation = ModelEvaluation(
      evaluator, base, ungrounded: base, ungroundedSamples: 640, extent: .init(attention: 3, generated: 1),
      settings: settings)
    let results = try evaluation.results()
    #expect(
      try evaluation.ungroundedFindings()?.map(\.name)
        == results.findings.map(\.name).filter { $0.hasSuffix(" without supervision") })
    #expect(results.missing == ["generated subjects, pseudo layout and attention at γ = 1 (the model has no adapter)"])
    #expect(results["pointing at γ = 0"]?.interval == results["pointing at γ = 0 without supervision"]?.interval)
    let note = results["pointing at γ = 0 without supervision"]?.note
    #expect(note?.hasPrefix("This base was trained on 640 samples. ") == true)
    let scenes = TestScenes(world, split: .training, subjects: 1)
    #expect(throws: EvaluationError.self) { try evaluator.subjects(base, scenes, count: 1, settings: settings) }
  }
}
