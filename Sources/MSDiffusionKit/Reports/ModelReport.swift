import Foundation
import Scripting

/// The report on a model. Results are stored next to the figures, in a folder with the run's name, and are drawn from
/// there.
public struct ModelReport {
  private let run: Run

  public init(_ run: Run) { self.run = run }

  /// Measures the run's checkpoint and writes the results. An interrupted measurement continues where it stopped.
  /// - Parameters:
  ///   - scenes: number of held-out scenes for attention; images are generated for at most 200 of them. nil: 500.
  ///   - ungrounded: folder of a model whose base was trained without grounding supervision.
  ///   - ungroundedSamples: number of samples on which that base was trained, if it differs from the checkpoint's.
  ///   - training: working folder of a training run, whose loss curves are copied.
  ///   - milestone: stage and samples of the checkpoint, or of `ungrounded` if that is given. The results are then only
  ///     added to the curves of milestones.
  /// - Throws: ``RunError`` for an invalid option; `EvaluationError`; `TrainingDataError` without the emoji font;
  ///   errors thrown by pipelines.
  public func measure(
    scenes: Int? = nil, ungrounded: String? = nil, ungroundedSamples: Int? = nil, training: String? = nil,
    milestone: Milestone? = nil
  ) throws {
    try run.checkPositive(scenes, "--scenes")
    try run.checkPositive(ungroundedSamples, "--ungrounded-samples")
    try milestone?.check(isUngrounded: ungrounded != nil)
    try run.checkMeasurementOptions()
    let pipeline = try run.pipeline()
    let progress = ProgressLine("measuring")
    let evaluator = Evaluator(
      world: try EmojiWorld(), folder: run.workFolder + "/" + String(pipeline.hash().prefix(12))
    ) { progress.show($0) }
    defer { progress.finish() }
    let evaluation = ModelEvaluation(
      evaluator, pipeline, ungrounded: try ungrounded.map { try Pipeline($0) }, ungroundedSamples: ungroundedSamples,
      extent: scenes.map { .init(scenes: $0) } ?? .init(), settings: try run.generationSettings())
    if let milestone {
      let path = try run.prepared(file: "milestones.json")
      var curves = try milestones() ?? TrainingCurves([])
      let findings = try evaluation.ungroundedFindings() ?? evaluation.results().findings
      curves.add(findings, stage: StageName(milestone.stage.rawValue), samples: milestone.samples)
      try curves.json.write(to: path, pretty: false)
      return print(path)
    }
    let path = try run.prepared(file: "results.json")
    let results = try evaluation.results { try $0.json.write(to: path) }
    try results.json.write(to: path)
    print(path)
    if let training {
      let curves = try run.prepared(file: "curves.json")
      try TrainingCurves(workingFolder: training, stages: TrainingStage.allCases.map { StageName($0.rawValue) }).json
        .write(to: curves, pretty: false)
      print(curves)
    }
  }

  /// The first held-out scenes of two subjects; they are the same for every model.
  /// - Throws: `TrainingDataError` without the emoji font; errors thrown by ``Run/pipeline()``.
  public func shownScenes(count: Int) throws -> [TestScene] {
    let scenes = TestScenes(
      try EmojiWorld(), split: .heldOutIdentities, subjects: 2, includesWorn: false, seed: 1,
      size: try run.pipeline().nativeSize)
    return scenes.indices(count: count).map { scenes[$0] }
  }

  /// Reads the results of the last measurement; nil if nothing was measured yet.
  /// - Throws: `JSONError` if the file cannot be read.
  public func results() throws -> ModelResults? {
    try run.existing(file: "results.json").map { try ModelResults(JSONNode.read($0)) }
  }

  /// Reads the copied loss curves; nil if there are none.
  /// - Throws: `JSONError` if the file cannot be read.
  public func curves() throws -> TrainingCurves? {
    try run.existing(file: "curves.json").map { try TrainingCurves(JSONNode.read($0)) }
  }

  /// Reads the curves of milestones; nil if no milestone was measured.
  /// - Throws: `JSONError` if the file cannot be read.
  public func milestones() throws -> TrainingCurves? {
    try run.existing(file: "milestones.json").map { try TrainingCurves(JSONNode.read($0)) }
  }

  /// The message to print if nothing was measured yet.
  public var nothingMeasured: String {
    """
    Nothing to draw: there are no results in \(run.output)/\(run.name)/. \
    Train a model (Scripts/train --stage all --output DIR), \
    then measure it (Scripts/run \(run.name) --full --checkpoint DIR/model).
    """
  }
}

extension TrainingCurves {
  /// The name of a logged quantity in words: `heldOut.textAttention` becomes "held out: text attention".
  private static func title(_ name: String) -> String {
    name.replacing("heldOut.", with: "held out: ").reduce(into: "") { text, letter in
      text += letter.isUppercase ? " " + letter.lowercased() : String(letter)
    }
  }

  /// One chart per stage.
  /// - Parameters:
  ///   - what: what the curves show, as the label of the vertical axes.
  ///   - first: number of values at the beginning of each curve that may lie outside the chart.
  /// - Throws: `PlotError` if a curve cannot be drawn.
  public func figure(of what: String, withoutFirst first: Int = 0) throws -> Grid {
    let stages = curves.map(\.stage).withoutRepeats
    let charts = try stages.map { stage -> Panel in
      // `loss` is a sum of other losses; the other two are on a different scale.
      let stageCurves = curves.filter { $0.stage == stage && !["loss", "divergence", "heldOutPSNR"].contains($0.name) }
      let late = stageCurves.flatMap { $0.values.dropFirst(min(first, $0.values.count - 1)) }
      let (low, high) = (late.min() ?? 0, max(late.max() ?? 1, 0.01))
      let chart = LineChart(
        stageCurves.map { Series(Self.title($0.name), x: $0.samples.map { $0 / 1000 }, y: $0.values) },
        xLabel: "thousand samples",
        yLabel: "\(stage): \(what)",
        // If all values are close together, the axis does not begin at 0.
        yRange: (low > 0.7 * high && low < high ? low - (high - low) / 2 : 0)...high, width: 570, height: 300)
      return Panel(try chart.image())
    }
    return Grid(
      stride(from: 0, to: charts.count, by: 2).map { Array(charts[$0..<min($0 + 2, charts.count)]) }, panelWidth: 570)
  }
}

extension GenerationSettings {
  /// Number of steps, guidance and γ, for captions.
  public var summary: String {
    let interval = scene.guidanceInterval
    let levels =
      interval == Scene.everyNoiseLevel
      ? "" : " at noise levels \(decimal(interval.lowerBound, 1)) to \(decimal(interval.upperBound, 1))"
    return "\(scene.steps) steps, guidance \(decimal(scene.guidance, 1))\(levels), γ = \(decimal(scene.scale, 1))"
  }
}
