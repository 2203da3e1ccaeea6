import Foundation
import Scripting

/// The report on a model: what was measured lies in `ModelReport/` beside the figures, and is drawn from there.
public struct ModelReport {
  private let run: Run

  public init(_ run: Run) { self.run = run }

  /// Options that the experiment takes beside those of all.
  public static let options: [ExtraOption] = [
    .flag("full", "Measure the checkpoint anew; else what was measured before is drawn. Goes on where it stopped."),
    .value("scenes", "N", "Held-out scenes for --full. (default: 500 for attention, 200 for generated images)"),
    .value("ungrounded", "DIR", "A model whose base was trained without grounding supervision, for --full."),
    .value(
      "ungrounded-samples", "N", "What it was trained on. (default: as much as the checkpoint, and nothing is said)"),
    .value("training", "DIR", "The working folder of the training, whose curves are taken over with --full."),
    .value(
      "milestone", "STAGE=SAMPLES",
      "The checkpoint (with --ungrounded: that one alone) is one on the way, after so many samples of a stage: --full "
        + "adds it to the curves of measures."),
  ]

  /// Measures the run's checkpoint and writes the results.
  /// - Throws: `EvaluationError`, `TrainingDataError` without the emoji font, what the pipeline throws.
  public func measure() throws {
    let pipeline = try run.pipeline()
    let settings = try run.generationSettings()
    let progress = ProgressLine("measuring")
    let evaluator = Evaluator(
      world: try EmojiWorld(), folder: run.workFolder + "/" + String(pipeline.hash().prefix(12))
    ) { progress.show($0) }
    defer { progress.finish() }
    let evaluation = ModelEvaluation(
      evaluator, pipeline, ungrounded: try run.text("ungrounded").map { try Pipeline($0) },
      ungroundedSamples: try run.number("ungrounded-samples"),
      extent: try run.number("scenes").map { .init(scenes: $0) } ?? .init(), settings: settings)
    if let milestone = try milestone() {
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
    if let training = run.text("training") {
      let curves = try run.prepared(file: "curves.json")
      try TrainingCurves(workingFolder: training, stages: TrainingStage.allCases.map { StageName($0.rawValue) }).json
        .write(to: curves, pretty: false)
      print(curves)
    }
  }

  /// What was measured last; nil where nothing was.
  public func results() throws -> ModelResults? {
    try run.existing(file: "results.json").map { try ModelResults(JSONNode.read($0)) }
  }

  /// How losses fell; nil where nobody noted it.
  public func curves() throws -> TrainingCurves? {
    try run.existing(file: "curves.json").map { try TrainingCurves(JSONNode.read($0)) }
  }

  /// What models on the way showed; nil where none was measured.
  public func milestones() throws -> TrainingCurves? {
    try run.existing(file: "milestones.json").map { try TrainingCurves(JSONNode.read($0)) }
  }

  /// What `--milestone` says.
  private func milestone() throws -> (stage: TrainingStage, samples: Int)? {
    guard let text = run.text("milestone") else { return nil }
    let measured: [TrainingStage] = run.text("ungrounded") == nil ? [.base, .adapter] : [.base]
    let parts = text.split(separator: "=")
    guard parts.count == 2, let stage = TrainingStage(rawValue: String(parts[0])), let samples = Int(parts[1]),
      measured.contains(stage), samples > 0
    else {
      let stages = measured.map(\.rawValue).joined(separator: " or ")
      throw RunError.option(
        name: "--milestone", found: text, expected: "STAGE=SAMPLES, such as base=192000; STAGE is \(stages) here")
    }
    return (stage, samples)
  }

  /// What to say where nothing was measured yet.
  public var nothingMeasured: String {
    """
    Nothing to draw: no results lie in \(run.output)/\(run.name)/. Train a model (Scripts/train --stage all --output DIR), \
    then measure it (Scripts/run \(run.name) --full --checkpoint DIR/model).
    """
  }

  /// Table, pictures and curves, as far as there are any.
  public func figure(_ results: ModelResults, _ curves: TrainingCurves?) throws -> Stack {
    var parts: [any Figure] = [results.table()]
    let isMeasured = try run.pipeline().hash() == results.checkpoint
    if isMeasured, try run.pipeline().adapter != nil { parts.append(try pictures()) }
    if let milestones = try milestones(), !milestones.curves.isEmpty {
      parts.append(try milestones.figure(of: "measures"))
    }
    if let curves, !curves.curves.isEmpty { parts.append(try curves.figure(of: "losses", withoutFirst: 3)) }
    let note =
      isMeasured
      ? run.checkpointNote
      : "Measured on another checkpoint (\(results.checkpoint.prefix(12))…) than this run's, so no pictures of it are shown."
    return Stack(
      parts, title: "What the model shows on identities and pairs that it has never seen", caption: note)
  }

  /// Some held-out scenes: what was asked for, what came, and where each word attended.
  private func pictures() throws -> Grid {
    let pipeline = try run.pipeline()
    let scenes = TestScenes(
      try EmojiWorld(), split: .heldOutIdentities, subjects: 2, includesWorn: false, seed: 1, size: pipeline.nativeSize)
    let settings = try run.generationSettings()
    let rows = try scenes.indices(count: 4).map { index -> [Panel?] in
      let scene = scenes[index]
      let request = scene.request(settings)
      let recorder = AttentionRecorder(.text)
      let generation = try run.generate(request, observing: recorder, as: request.prompt)
      let (image, maps) = (generation.image, try recorder.heatmaps(in: generation))
      return request.subjects.map { Panel($0.image).captioned($0.phrase) } + [
        Panel(PixelImage(scene.image), boxesOf: request).captioned(request.prompt), Panel(image, boxesOf: request),
      ] + (try maps.map { try Panel($0, over: image) })
    }
    return Grid(
      rows,
      columnTitles: [
        "first reference", "second reference", "a drawn scene, whose boxes are asked for", "generated",
        "text map of the first", "text map of the second",
      ], panelWidth: 170)
  }
}

extension ModelResults {
  /// One row a finding: what, a gauge, the number with its interval, chance, reach, and whether it is met.
  func table() -> Table {
    let rows = findings.map { finding -> [Table.Cell] in
      let color: Color =
        switch finding.isMet {
        case nil: .faint
        case true?: .distinct(2)
        case false?: .distinct(0)
        }
      let interval = finding.interval
      return [
        Table.Cell(finding.name, bold: true),
        Table.Cell(
          Table.Gauge(
            value: interval.estimate, interval: interval.lower...interval.upper, chance: finding.chance,
            reach: finding.target, color: color)),
        Table.Cell(Self.three(interval.estimate), bold: true),
        Table.Cell("\(Self.three(interval.lower)) to \(Self.three(interval.upper))"),
        Table.Cell(finding.chance.map(Self.three) ?? "–"),
        Table.Cell(finding.target.map { decimal(Float($0), 2) } ?? "–"),
        Table.Cell(finding.isMet.map { $0 ? "met" : "missed" } ?? "", color: color, bold: true),
        Table.Cell("\(finding.scenes)"), Table.Cell(finding.note, color: .faint),
      ]
    }
    return Table(
      columns: ["measure", "0 to 1", "", "95 %", "chance", "reach", "", "scenes", "how"],
      widths: [210, 190, 48, 110, 50, 44, 52, 48, 330], rows: rows,
      caption: "Thin line: chance. Thick line: what is to be reached. Images: \(settings.steps) steps, guidance "
        + "\(settings.guidanceWords), γ = \(decimal(settings.scale, 1))."
        + (missing.isEmpty ? "" : " Not measured: \(missing.joined(separator: "; ")).")
    )
  }

  private static func three(_ value: Double) -> String { decimal(Float(value), 3) }
}

extension TrainingCurves {
  /// A log's name in words: `heldOut.textAttention` is "held out: text attention".
  private static func title(_ name: String) -> String {
    name.replacing("heldOut.", with: "held out: ").reduce(into: "") { text, letter in
      text += letter.isUppercase ? " " + letter.lowercased() : String(letter)
    }
  }

  /// A chart a stage.
  /// - Parameters:
  ///   - what: What the curves show.
  ///   - first: Values at the beginning of each curve that may lie outside the chart.
  func figure(of what: String, withoutFirst first: Int = 0) throws -> Grid {
    let stages = curves.map(\.stage).withoutRepeats
    let charts = try stages.map { stage -> Panel in
      // Sums of others, and what lies on another scale, are left out.
      let shown = curves.filter { $0.stage == stage && !["loss", "divergence", "heldOutPSNR"].contains($0.name) }
      let late = shown.flatMap { $0.values.dropFirst(min(first, $0.values.count - 1)) }
      let (low, high) = (late.min() ?? 0, max(late.max() ?? 1, 0.01))
      let chart = LineChart(
        shown.map { Series(Self.title($0.name), x: $0.samples.map { $0 / 1000 }, y: $0.values) },
        xLabel: "thousand samples",
        yLabel: "\(stage): \(what)",
        // Values that lie close together are drawn apart.
        yRange: (low > 0.7 * high && low < high ? low - (high - low) / 2 : 0)...high, width: 570, height: 300)
      return Panel(try chart.image())
    }
    return Grid(
      stride(from: 0, to: charts.count, by: 2).map { Array(charts[$0..<min($0 + 2, charts.count)]) }, panelWidth: 570)
  }
}

extension GenerationSettings {
  /// For captions.
  var guidanceWords: String {
    let interval = scene.guidanceInterval
    return decimal(scene.guidance, 1)
      + (interval == Scene.everyNoiseLevel
        ? "" : " at noise levels \(decimal(interval.lowerBound, 1)) to \(decimal(interval.upperBound, 1))")
  }
}
