import Foundation
import Scripting

/// The paper's ablation, rerun: trainings that each lack one thing, measured on the same scenes.
public struct AblationReport {
  private let run: Run
  private let seeds: [UInt64]
  private let steps: Int

  /// Options that the experiment takes beside those of all.
  public static let options: [ExtraOption] = [
    .flag("train", "Train all variants that are not trained to their end; goes on where it stopped."),
    .flag("full", "Measure what is trained; else what was measured before is drawn. Goes on where it stopped."),
    .value("training", "DIR", "The working folder of the training, with a finished base in DIR/model."),
    .value("seeds", "N", "Trainings of each variant. (default: 3)"),
    .value("budget", "STEPS", "Steps of each training. (default: 1000)"),
    .value("scenes", "N", "Held-out scenes for --full. (default: 60)"),
  ]

  /// - Throws: ``RunError/option(name:found:expected:)``.
  public init(_ run: Run) throws {
    self.run = run
    seeds = (1...UInt64(try run.number("seeds") ?? 3)).map { $0 }
    steps = try run.number("budget") ?? 1000
  }

  private func workingFolder() throws -> String {
    guard let folder = run.text("training") else {
      throw RunError.option(
        name: "--training", found: "missing", expected: "the working folder of Scripts/train, with a finished base")
    }
    return folder
  }

  private func stage(_ variant: AdapterVariant, seed: UInt64) throws -> StageRun {
    try StageRun(
      .adapter, folder: workingFolder(), merges: Bundled.merges, seed: seed,
      variant: variant
    ) { [steps] plan in plan.steps = steps }
  }

  /// Trains what is not trained yet: seed by seed, so that a first comparison is there early.
  /// - Throws: `StageError`, `TrainingError`.
  public func train() throws {
    let batch = TrainingStage.adapter.plan(seed: 1).batch
    let count = AdapterVariant.allCases.count * seeds.count
    print(
      "Budget: \(AdapterVariant.allCases.count) variants × \(seeds.count) seeds × \(steps) steps of \(batch) samples, "
        + "\(count * steps * batch) samples in all")
    let cancellation = Cancellation()
    let watching = cancellation.atSignals()
    defer { withExtendedLifetime(watching) {} }
    for seed in seeds {
      for variant in AdapterVariant.allCases {
        let progress = ProgressLine("\(variant.rawValue), seed \(seed)")
        let outcome = try stage(variant, seed: seed).run(cancellation: cancellation) { progress.show($0) }
        progress.finish()
        guard outcome.isFinished else {
          throw RunError.file(
            path: try workingFolder(), reason: "stopped at step \(outcome.step); the same command goes on from there")
        }
      }
    }
  }

  /// Measures what is trained, and writes results and samples.
  /// - Throws: `EvaluationError`, what pipelines throw.
  public func measure() throws {
    let progress = ProgressLine("measuring")
    defer { progress.finish() }
    let evaluator = Evaluator(world: try EmojiWorld(), folder: run.workFolder) { progress.show($0) }
    let scenes = try run.number("scenes") ?? 60
    let settings = try run.generationSettings()
    let evaluation = AblationEvaluation(evaluator, settings: settings, count: scenes)
    let batch = TrainingStage.adapter.plan(seed: 1).batch
    var results = AblationResults(steps: steps, batch: batch, scenes: scenes, settings: settings)
    let path = try run.prepared(file: "results.json")
    let shown = evaluation.shownScenes()
    var columns: [[PixelImage]] = [shown.map { PixelImage($0.image) }]
    for seed in seeds {
      for variant in AdapterVariant.allCases {
        guard let folder = variant.finishedModel(in: try workingFolder(), seed: seed) else { continue }
        let model = AblatedModel(variant: variant.rawValue, seed: seed, folder: folder, layout: variant.layout)
        let pipeline = try Pipeline(folder)
        if results.rows.isEmpty {
          results.rows.append(try evaluation.baseRow(pipeline))
          columns.append(try evaluation.images(shown, pipeline, scale: 0))
        }
        results.rows.append(try evaluation.row(model, pipeline))
        try results.json.write(to: path)
        if seed == seeds[0] { columns.append(try evaluation.images(shown, pipeline, attention: model.layout)) }
      }
    }
    guard !results.rows.isEmpty else {
      throw RunError.file(
        path: try workingFolder() + "/ablation", reason: "nothing is trained to its end; add --train")
    }
    print(path)
    let sheet = try run.prepared(file: "samples.png")
    try PixelImage.sheet(columns: columns).write(sheet)
    print(sheet)
  }

  /// What was measured last; nil where nothing was.
  public func results() throws -> AblationResults? {
    try run.existing(file: "results.json").map { try AblationResults(JSONNode.read($0)) }
  }

  /// What to say where nothing was measured yet.
  public var nothingMeasured: String {
    """
    Nothing to draw: no results lie in \(run.output)/\(run.name)/. Train a base (Scripts/train --stage all --output DIR), \
    then run Scripts/run \(run.name) --train --full --training DIR.
    """
  }

  /// The table of all measures, and the samples.
  public func figure(_ results: AblationResults) throws -> Stack {
    var parts: [any Figure] = [try results.table()]
    if let sheet = run.existing(file: "samples.png") {
      parts.append(try samples(PixelImage(contentsOf: sheet), results))
    }
    let samples = results.steps * results.batch
    return Stack(
      parts, title: "What each part of the adapter is good for",
      caption: "Each trained beside the same base on \(samples) samples, \(results.variantSeeds) seeds; measured on "
        + "\(results.scenes) held-out scenes of two subjects. Means with 95 % intervals over seeds (Student). The judge "
        + "took no part in training; text fidelity is told by the model's own encoders. “Base alone” is the same scenes at "
        + "γ = 0. Green: the best of its column. Numbers of the paper's Table 3 were not at hand and are not shown "
        + "beside."
    )
  }

  /// The sheet's images under the names of what made them.
  private func samples(_ sheet: PixelImage, _ results: AblationResults) throws -> Grid {
    let scenes = TestScenes(try EmojiWorld(), split: .heldOutIdentities, subjects: 2, includesWorn: false, seed: 1)
    let side = scenes.size
    let titles =
      ["first reference", "second reference", "a drawn scene, whose boxes are asked for"]
      + results.variants.map(AblationResults.title)
    let rows = scenes.indices(count: sheet.height / side).enumerated().map { row, index -> [Panel?] in
      let request = scenes[index].request(results.settings)
      let images = (0..<sheet.width / side).map { column in
        sheet.cropped(x: column * side, y: row * side, width: side, height: side)
      }
      return request.subjects.map { Panel($0.image) }
        + [Panel(images[0], boxesOf: request).captioned(request.prompt)] + images.dropFirst().map { Panel($0) }
    }
    return Grid(rows, columnTitles: titles, panelWidth: 130)
  }
}

extension PixelImage {
  /// Images of one size side by side: a column a list.
  static func sheet(columns: [[PixelImage]]) -> PixelImage {
    let side = columns[0][0]
    var sheet = PixelImage(
      width: side.width * columns.count, height: side.height * (columns.map(\.count).max() ?? 1))
    for (column, images) in columns.enumerated() {
      for (row, image) in images.enumerated() {
        for y in 0..<image.height {
          let target = 3 * ((row * side.height + y) * sheet.width + column * side.width)
          sheet.pixels.replaceSubrange(
            target..<target + 3 * image.width, with: image.pixels[3 * y * image.width..<3 * (y + 1) * image.width])
        }
      }
    }
    return sheet
  }
}

extension AblationResults {
  /// How many trainings of a variant there are, at most.
  var variantSeeds: Int { variants.map { name in rows.count { $0.variant == name } }.max() ?? 0 }

  /// For figures.
  static func title(_ variant: String) -> String {
    variant == base ? "base alone" : AdapterVariant(rawValue: variant)?.title ?? variant
  }

  /// One row a variant, one column a measure; the best of each column stands out.
  func table() throws -> Table {
    func isMeasured(_ variant: String, _ measure: Measure) -> Bool {
      rows.contains { $0.variant == variant && $0.values[measure] != nil }
    }
    let best = try Measure.allCases.map { measure in
      try variants.filter { isMeasured($0, measure) }.map { try interval($0, measure).estimate }.max()
    }
    let cells = try variants.map { variant -> [Table.Cell] in
      [Table.Cell(Self.title(variant), bold: true)]
        + (try zip(Measure.allCases, best).map { measure, best in
          guard isMeasured(variant, measure) else { return Table.Cell("–", color: .faint) }
          let interval = try interval(variant, measure)
          let half = decimal(Float((interval.upper - interval.lower) / 2), 3)
          let isSingle = rows.count { $0.variant == variant } == 1
          let isBest = interval.estimate == best
          return Table.Cell(
            decimal(Float(interval.estimate), 3) + (isSingle ? "" : " ± \(half)"),
            color: isBest ? .distinct(2) : .ink, bold: isBest)
        })
    }
    return Table(
      columns: [""] + Measure.allCases.map(\.rawValue), widths: [230] + Measure.allCases.map { _ in 125 }, rows: cells)
  }
}
