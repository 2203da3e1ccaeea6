import Foundation
import Scripting

/// The paper's ablation, rerun: trainings that each lack one thing, measured on the same scenes.
public struct AblationReport {
  private let run: Run
  private let training: String?
  private let seeds: [UInt64]
  private let steps: Int

  /// - Parameters:
  ///   - training: the working folder of a training run, with a finished base.
  ///   - seeds: training runs of each variant.
  ///   - steps: of each training run.
  /// - Throws: ``RunError/option(name:found:expected:)``.
  public init(_ run: Run, training: String? = nil, seeds: Int = 3, steps: Int = 1000) throws {
    try run.checkPositive(seeds, "--seeds")
    try run.checkPositive(steps, "--budget")
    (self.run, self.training, self.steps) = (run, training, steps)
    self.seeds = (1...UInt64(seeds)).map { $0 }
  }

  private func workingFolder() throws -> String {
    guard let folder = training else {
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
            path: try workingFolder(), reason: "stopped at step \(outcome.step); the same command continues from there")
        }
      }
    }
  }

  /// Measures what is trained, and writes results and samples.
  /// - Throws: `EvaluationError`, what pipelines throw.
  /// - Parameter scenes: held-out scenes.
  public func measure(scenes: Int = 60) throws {
    try run.checkPositive(scenes, "--scenes")
    let progress = ProgressLine("measuring")
    defer { progress.finish() }
    let evaluator = Evaluator(world: try EmojiWorld(), folder: run.workFolder) { progress.show($0) }
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
        if seed == seeds[0] { columns.append(try evaluation.images(shown, pipeline, layout: model.layout)) }
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

  /// A held-out scene with its drawn image, and the images of the base and of every variant, in the order of the results.
  public struct Sample {
    public let scene: TestScene
    public let images: [PixelImage]
  }

  /// The scenes that every variant was asked for; nil where nothing was measured.
  /// - Throws: `ImageError`; `TrainingDataError` without the emoji font.
  public func samples() throws -> [Sample]? {
    guard let path = run.existing(file: "samples.png") else { return nil }
    let sheet = try PixelImage(contentsOf: path)
    let scenes = TestScenes(try EmojiWorld(), split: .heldOutIdentities, subjects: 2, includesWorn: false, seed: 1)
    let side = scenes.size
    return scenes.indices(count: sheet.height / side).enumerated().map { row, index in
      Sample(
        scene: scenes[index],
        images: (0..<sheet.width / side).map { column in
          sheet.cropped(x: column * side, y: row * side, width: side, height: side)
        })
    }
  }
}

extension PixelImage {
  /// Images of one size side by side: one column per list.
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
  /// The most training runs that any variant has.
  public var seeds: Int { variants.map { count(of: $0) }.max() ?? 0 }

  /// Training runs of a variant.
  public func count(of variant: String) -> Int { rows.count { $0.variant == variant } }

  /// For figures.
  public static func title(_ variant: String) -> String {
    variant == base ? "base alone" : AdapterVariant(rawValue: variant)?.title ?? variant
  }

  /// Mean and interval of a measure; nil where the variant was not measured in it.
  /// - Throws: `AnalysisError`.
  public func measured(_ variant: String, _ measure: Measure) throws -> ConfidenceInterval? {
    guard rows.contains(where: { $0.variant == variant && $0.values[measure] != nil }) else { return nil }
    return try interval(variant, measure)
  }

  /// The greatest mean of a measure among all variants; nil where none was measured.
  /// - Throws: `AnalysisError`.
  public func best(_ measure: Measure) throws -> Double? {
    try variants.compactMap { try measured($0, measure)?.estimate }.max()
  }
}
