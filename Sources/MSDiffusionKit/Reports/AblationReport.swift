import Foundation
import Scripting

/// The paper's ablation, rerun: the full adapter and variants that each lack one part of it are trained and measured on
/// the same scenes.
public struct AblationReport {
  private let run: Run
  private let training: String?
  private let seeds: [UInt64]
  private let steps: Int

  /// - Parameters:
  ///   - training: the working folder of a training run, with a finished base; needed to train and to measure.
  ///   - seeds: number of training runs for each variant.
  ///   - steps: number of steps of each training run.
  /// - Throws: ``RunError/option(name:found:expected:)`` for a number below 1.
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

  /// Trains the variants that are not finished. All variants are trained with one seed before the next seed begins, so
  /// that a first comparison is possible early.
  /// - Throws: ``RunError`` without a working folder, and if training was stopped by a signal; `StageError`,
  ///   `TrainingError`, `TrainingDataError`.
  public func train() throws {
    let batch = TrainingStage.adapter.plan(seed: 1).batch
    let count = AdapterVariant.allCases.count * seeds.count
    print(
      "Budget: \(AdapterVariant.allCases.count) variants × \(seeds.count) seeds × \(steps) steps of \(batch) samples, "
        + "\(count * steps * batch) samples in total")
    let cancellation = Cancellation()
    let signalHandlers = cancellation.atSignals()
    defer { withExtendedLifetime(signalHandlers) {} }
    for seed in seeds {
      for variant in AdapterVariant.allCases {
        let progress = ProgressLine("\(variant.rawValue), seed \(seed)")
        let outcome = try stage(variant, seed: seed).run(cancellation: cancellation) { progress.show($0) }
        progress.finish()
        guard outcome.isFinished else {
          throw RunError.file(
            path: try workingFolder(),
            reason: "training stopped after step \(outcome.step); the same command continues from there")
        }
      }
    }
  }

  /// Measures the finished variants, and writes results and sample images to the run's folder.
  /// - Parameter scenes: number of held-out scenes.
  /// - Throws: ``RunError`` for an invalid option, without a working folder, and if no variant is finished;
  ///   `EvaluationError`; `TrainingDataError` without the emoji font; errors thrown by pipelines.
  public func measure(scenes: Int = 60) throws {
    try run.checkPositive(scenes, "--scenes")
    try run.checkMeasurementOptions()
    let progress = ProgressLine("measuring")
    defer { progress.finish() }
    let evaluator = Evaluator(world: try EmojiWorld(), folder: run.workFolder) { progress.show($0) }
    let settings = try run.generationSettings()
    let evaluation = AblationEvaluation(evaluator, settings: settings, count: scenes)
    let batch = TrainingStage.adapter.plan(seed: 1).batch
    var results = AblationResults(steps: steps, batch: batch, scenes: scenes, settings: settings)
    let path = try run.prepared(file: "results.json")
    let sampleScenes = evaluation.shownScenes()
    var columns: [[PixelImage]] = [sampleScenes.map { PixelImage($0.image) }]
    for seed in seeds {
      for variant in AdapterVariant.allCases {
        guard let folder = variant.finishedModel(in: try workingFolder(), seed: seed) else { continue }
        let model = AblatedModel(variant: variant.rawValue, seed: seed, folder: folder, layout: variant.layout)
        let pipeline = try Pipeline(folder)
        if results.rows.isEmpty {
          results.rows.append(try evaluation.baseRow(pipeline))
          columns.append(try evaluation.images(sampleScenes, pipeline, scale: 0))
        }
        results.rows.append(try evaluation.row(model, pipeline))
        try results.json.write(to: path)
        if seed == seeds[0] { columns.append(try evaluation.images(sampleScenes, pipeline, layout: model.layout)) }
      }
    }
    guard !results.rows.isEmpty else {
      throw RunError.file(
        path: try workingFolder() + "/ablation", reason: "no variant is fully trained; add --train to train them")
    }
    print(path)
    let sheet = try run.prepared(file: "samples.png")
    try PixelImage.sheet(columns: columns).write(sheet)
    print(sheet)
  }

  /// Reads the results of the last measurement; nil if nothing was measured yet.
  /// - Throws: `JSONError` if the file cannot be read.
  public func results() throws -> AblationResults? {
    try run.existing(file: "results.json").map { try AblationResults(JSONNode.read($0)) }
  }

  /// The message to print if nothing was measured yet.
  public var nothingMeasured: String {
    """
    Nothing to draw: there are no results in \(run.output)/\(run.name)/. \
    Train a base (Scripts/train --stage all --output DIR), \
    then run Scripts/run \(run.name) --train --full --training DIR.
    """
  }

  /// A held-out scene with its images.
  public struct Sample {
    public let scene: TestScene
    /// The drawn scene, then the images that the base and every variant generated, in the order of the results.
    public let images: [PixelImage]
  }

  /// Reads the images that the last measurement wrote, with their scenes; nil if nothing was measured yet.
  /// - Throws: `ImageError` if the file cannot be read; `TrainingDataError` without the emoji font.
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
  /// Images of the same size on one sheet, with one column per list.
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
  /// The greatest number of training runs that any variant has.
  public var seeds: Int { variants.map { count(of: $0) }.max() ?? 0 }

  /// Number of training runs of a variant.
  public func count(of variant: String) -> Int { rows.count { $0.variant == variant } }

  /// A variant's title in figures.
  public static func title(_ variant: String) -> String {
    variant == base ? "base alone" : AdapterVariant(rawValue: variant)?.title ?? variant
  }

  /// Mean and interval of a measure over a variant's training runs; nil if no run of the variant has this measure.
  /// - Throws: `AnalysisError` if no interval can be computed.
  public func measured(_ variant: String, _ measure: Measure) throws -> ConfidenceInterval? {
    guard rows.contains(where: { $0.variant == variant && $0.values[measure] != nil }) else { return nil }
    return try interval(variant, measure)
  }

  /// The greatest mean of a measure among all variants; nil if no variant has this measure.
  /// - Throws: as ``measured(_:_:)``.
  public func best(_ measure: Measure) throws -> Double? {
    try variants.compactMap { try measured($0, measure)?.estimate }.max()
  }
}
