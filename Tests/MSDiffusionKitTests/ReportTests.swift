import Foundation
import MSDiffusionKit
import TestSupport
import Testing

/// Reports are drawn from the last results, and have a message for when there are none.
@Suite struct ReportTests {
  private let folder = Result { try TemporaryFolder() }

  private func run(_ arguments: [String] = []) throws -> Run {
    try Run(name: "Test", arguments: arguments + ["--output", folder.get().path])
  }

  @Test func milestonesAreAStageAndANumber() {
    #expect(Milestone(argument: "base=640")?.stage == .base && Milestone(argument: "base=640")?.samples == 640)
    for wrong in ["base", "base=", "base=0", "base=-3", "base=x", "roof=640", "base=1=2", ""] {
      #expect(Milestone(argument: wrong) == nil, "\(wrong)")
    }
  }

  private func write(_ json: JSONValue, as name: String) throws {
    let path = try folder.get().file(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try json.write(to: path)
  }

  @Test func lossesAreDrawnFromALog() throws {
    let path = try folder.get().file("log.jsonl")
    func line(_ step: Int) -> String { "{\"step\":\(step),\"samples\":\(step * 4),\"loss\":\(9.0 / Double(step))}\n" }
    let steps = (1...40).map(line).joined()
    try steps.write(toFile: path, atomically: true, encoding: .utf8)
    let plain = try TrainingCurves(stage: "vae", log: path)
    #expect(plain.curves.map(\.name) == ["loss"])
    let image = try plain.lossFigure(title: "losses").image()
    try (steps + "{\"step\":40,\"samples\":160,\"evaluation\":{\"heldOutLoss\":0.5}}\n")
      .write(toFile: path, atomically: true, encoding: .utf8)
    let measured = try TrainingCurves(stage: "vae", log: path)
    #expect(measured.curves.map(\.name) == ["loss", "heldOutLoss"])
    // Held-out measures have a separate chart.
    #expect(try measured.lossFigure(title: "losses").image().height > image.height + 200)
  }

  @Test(.longNumeric) func reportedPseudoLayoutsAreGuidedInEveryStep() throws {
    let pipeline = try run().pipeline()
    let evaluator = Evaluator(world: try EmojiWorld())
    let scenes = TestScenes(evaluator.world, split: .heldOutIdentities, subjects: 2, size: pipeline.nativeSize)
    func published(_ settings: GenerationSettings) throws -> [Double] {
      try evaluator.layouts(pipeline, scenes, count: 2, settings: settings)
        .means { $0.variants[LayoutVariant.published.name] ?? [] }
    }
    var settings = GenerationSettings(steps: 4)
    let guided = try published(settings)
    settings.guidanceInterval = 1e6...1e7
    #expect(try published(settings) != guided)
    let report = try ModelEvaluation(
      evaluator, pipeline, extent: .init(attention: 1, generated: 2), settings: settings
    ).results()
    let finding = try #require(report["pseudo layout, published rule"])
    #expect(finding.interval.estimate == guided.reduce(0, +) / 2)
  }

  /// A pseudo layout's decay weighs the steps in a measurement as it does in a generation.
  @Test(.longNumeric) func measuredPseudoLayoutsWeighStepsAsTheGenerationDoes() throws {
    let pipeline = try run().pipeline()
    let evaluator = Evaluator(world: try EmojiWorld())
    let scenes = TestScenes(evaluator.world, split: .training, subjects: 2, size: pipeline.nativeSize)
    let settings = GenerationSettings(steps: 4, batch: 2)
    let measured = try evaluator.layouts(pipeline, scenes, count: 2, settings: settings)
    let batch = scenes.indices(count: 2).map { scenes[$0] }
    let variants = LayoutVariant.all.filter { $0.run == "joint run" }
    #expect(variants.count == 56)
    /// The overlap of every subject, one list per variant.
    func overlaps(decay: Float) throws -> [[Double]] {
      let requests = batch.map { scene in scene.request(settings).with { $0.layout.pseudoLayout = .joint } }
      let recorder = AttentionRecorder(.text, keeping: .steps)
      let generations = try pipeline.generate(requests, observing: [recorder])
      let each = try generations.map { try recorder.sequences(in: $0, layerByLayer: decay) }  // [B][layer] [R, h, w]
      let layers = each[0].indices.map { layer in Tensor.stacked(each.map { $0[layer] }, axis: 0) }
      let boxes = batch.map { scene in scene.sample.subjects.map(\.box) }
      return variants.map { variant in
        variant.overlaps(layers, with: boxes, side: pipeline.nativeSize).flatMap { $0 }
      }
    }
    /// The number of variants whose expected overlaps equal the measured ones.
    func equal(_ expected: [[Double]]) -> Int {
      zip(variants, expected).count { variant, expected in
        let found = measured.flatMap { $0.variants[variant.name] ?? [] }
        return found.count == 4 && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 }
      }
    }
    // Last bits of a map can move a cell across a threshold, so a few variants may differ.
    let own = equal(try overlaps(decay: PseudoLayout.joint.decay))
    let uniform = equal(try overlaps(decay: 1))
    #expect(own >= 50 && uniform < own)
  }

  @Test(.longNumeric) func aMilestoneOfTheBaseWithoutSupervisionMeasuresItAlone() throws {
    let base = try run().pipeline().folder
    let report = ModelReport(try run())
    try report.measure(scenes: 1, ungrounded: base, milestone: Milestone(argument: "base=640"))
    let curves = try #require(try report.milestones()).curves
    #expect(curves.map(\.name) == ["pointing at γ = 0 without supervision"])
    #expect(curves.first?.stage == "base" && curves.first?.samples == [640])
    // Nothing that would be measured depends on these stages, so such a milestone would add nothing.
    for (milestone, ungrounded) in [("vae=640", nil), ("adapter=640", base)] {
      #expect(throws: RunError.self) {
        try report.measure(ungrounded: ungrounded, milestone: Milestone(argument: milestone))
      }
    }
    #expect(throws: RunError.self) { try report.measure(scenes: 0) }
  }

  @Test func measurementsTakeTheSchedulerAndRefuseSeedSizeAndNoise() throws {
    let settings = try run(["--scheduler", "ddim", "--steps", "4", "--guidance", "3"]).generationSettings()
    #expect(settings.scheduler == .ddim && settings.steps == 4 && settings.guidance == 3)
    #expect(try run().generationSettings().scheduler == nil)
    for option in [["--seed", "3"], ["--size", "96"], ["--latents", "noise.npy"]] {
      let run = try run(option)
      let measurements: [() throws -> Void] = [
        { try ModelReport(run).measure(scenes: 1) }, { try AblationReport(run).measure(scenes: 1) },
      ]
      for measure in measurements {
        let error = #expect(throws: RunError.self) { try measure() }
        #expect(error?.description.hasPrefix("\(option[0]) is \(option[1]), expected") == true)
      }
    }
  }

  @Test func modelReportsReadTheirResults() throws {
    let report = ModelReport(try run())
    #expect(try report.results() == nil && report.curves() == nil)
    #expect(report.nothingMeasured.contains("Scripts/run Test --full"))
    let findings = [
      Finding("met", interval: try .proportion(successes: 9, trials: 10), chance: 0.1, target: 0.8, scenes: 10),
      Finding("missed", note: "why", interval: try .proportion(successes: 1, trials: 10), target: 0.8, scenes: 10),
      Finding("reported", interval: try .mean(of: [0.2, 0.4]), scenes: 2),
    ]
    let results = ModelResults(
      checkpoint: "another", settings: GenerationSettings(), findings: findings, missing: ["the rest"])
    try write(results.json, as: "Test/results.json")
    let curves = TrainingCurves([
      .init(stage: "base", name: "denoising", samples: [1000, 2000, 3000, 4000], values: [9, 0.5, 0.4, 0.3])
    ])
    try write(curves.json, as: "Test/curves.json")
    let read = try #require(try report.results())
    #expect(read.findings.map(\.name) == ["met", "missed", "reported"] && read.missing == ["the rest"])
    #expect(read.settings.summary.hasPrefix("20 steps, guidance 7.5"))
    #expect(try #require(try report.curves()).figure(of: "losses", withoutFirst: 3).image().width > 500)
    #expect(try report.shownScenes(count: 2).count == 2)
  }

  @Test func ablationsReadTheirResults() throws {
    let report = try AblationReport(run())
    #expect(try report.results() == nil)
    var results = AblationResults(steps: 10, batch: 4, scenes: 3, settings: GenerationSettings())
    results.rows.append(.init(variant: AblationResults.base, seed: 0, values: [.product: 0.1, .text: 0.2]))
    for seed in 1...3 as ClosedRange<UInt64> {
      results.rows.append(
        .init(variant: "full", seed: seed, values: [.product: 0.2 + 0.1 * Double(seed), .text: 0.25]))
    }
    try write(results.json, as: "Test/results.json")
    let read = try #require(try report.results())
    #expect(read.variants == ["base", "full"] && read.rows.count == 4)
    let interval = try read.interval("full", .product)
    #expect(abs(interval.estimate - 0.4) < 1e-9 && abs(interval.upper - interval.estimate - 0.2484) < 1e-3)
    #expect(try read.interval("base", .product).estimate == 0.1)
    #expect(read.seeds == 3 && read.count(of: "base") == 1)
    #expect(try read.best(.product) == interval.estimate && read.measured("full", .both) == nil)
    #expect(try report.samples() == nil)
    #expect(throws: RunError.self) { try report.measure() }
    #expect(throws: RunError.self) { try AblationReport(run(), seeds: 0) }
  }
}

extension AttentionRecorder {
  /// For each layer, the mean of a generation's phrase maps over its steps, earlier steps weighing less: `[R, h, w]`.
  fileprivate func sequences(in generation: Generation, layerByLayer decay: Float) throws -> [Tensor] {
    let recorded = try maps(sample: generation.samples.lowerBound)
    return try recorded.layers.map { layer in
      .stacked(
        try generation.phrases.map { span in
          let steps = try recorded.sequence("", tokens: span.get(), layers: [layer.name])
          let mean = steps.reduce(into: RunningMaps(decay: decay)) { $0.add($1.values) }.mean
          return try #require(mean)
        }, axis: 0)
    }
  }
}
