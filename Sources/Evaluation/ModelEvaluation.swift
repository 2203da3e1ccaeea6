import Analysis
import MSDiffusion
import TrainingData

/// Measures everything in a model's report. The threshold of heatmaps and the variant of the pseudo layout are chosen
/// on scenes of the training split; reported values come from held-out scenes.
public struct ModelEvaluation {
  /// Number of scenes to measure.
  public struct Extent: Sendable {
    /// Number of held-out scenes for attention, above 0. The threshold is chosen on a third as many scenes of the
    /// training split, at least one.
    public var attention: Int
    /// Number of held-out scenes for each measure of generated images, and for the judge, above 0. The pseudo layout's
    /// variant is chosen on a third as many scenes of the training split, at least one.
    public var generated: Int

    public init(attention: Int = 500, generated: Int = 200) {
      (self.attention, self.generated) = (attention, generated)
    }

    /// This number of scenes for attention, and the same number, but at most 200, for generated images.
    public init(scenes: Int) { self.init(attention: scenes, generated: min(scenes, 200)) }
  }

  let evaluator: Evaluator
  let pipeline: Pipeline
  /// A model whose base was trained without grounding supervision.
  let ungrounded: Pipeline?
  /// Number of samples that the base of `ungrounded` was trained on, for the notes; nil: not mentioned.
  let ungroundedSamples: Int?
  let extent: Extent
  let settings: GenerationSettings

  /// - Parameters:
  ///   - pipeline: the model to measure.
  ///   - ungrounded: a model whose base was trained without grounding supervision, for comparison.
  ///   - ungroundedSamples: number of samples that this base was trained on, for the notes; nil: not mentioned.
  public init(
    _ evaluator: Evaluator, _ pipeline: Pipeline, ungrounded: Pipeline? = nil, ungroundedSamples: Int? = nil,
    extent: Extent = Extent(), settings: GenerationSettings = GenerationSettings()
  ) {
    (self.evaluator, self.pipeline, self.ungrounded) = (evaluator, pipeline, ungrounded)
    self.ungroundedSamples = ungroundedSamples
    (self.extent, self.settings) = (extent, settings)
  }

  /// Measures everything for which the model has the parts; the results list what could not be measured.
  /// - Parameter onProgress: called after each measure with the results so far.
  /// - Throws: ``EvaluationError``; `AnalysisError` if an extent is 0; what the pipeline and `onProgress` throw.
  public func results(onProgress: (ModelResults) throws -> Void = { _ in }) throws -> ModelResults {
    var results = ModelResults(checkpoint: pipeline.hash(), settings: settings)
    func add(_ findings: [Finding]) throws {
      results.findings += findings
      try onProgress(results)
    }
    try add(attention(of: pipeline, label: ""))
    if let findings = try ungroundedFindings() {
      try add(findings)
    } else {
      results.missing.append("attention of a base without grounding supervision (none was given)")
    }
    if pipeline.adapter == nil {
      results.missing.append("generated subjects, pseudo layout and attention at γ = 1 (the model has no adapter)")
    } else {
      try add(subjects())
      try add(pairs())
      try add(layouts())
      try add([baseEquality()])
    }
    try add(judgeCeilings())
    return results
  }

  /// Measures only the base that was trained without grounding supervision; nil if none was given.
  /// - Throws: ``EvaluationError``; `AnalysisError` if the extent is 0; what the pipeline throws.
  public func ungroundedFindings() throws -> [Finding]? {
    try ungrounded.map {
      try attention(
        of: $0, label: " without supervision",
        note: ungroundedSamples.map { "This base was trained on \($0) samples. " } ?? "")
    }
  }

  private func scenes(_ split: Split, subjects: Int) -> TestScenes {
    TestScenes(evaluator.world, split: split, subjects: subjects, size: pipeline.nativeSize)
  }

  // MARK: Attention

  private func attention(of pipeline: Pipeline, label: String, note: String = "") throws -> [Finding] {
    let name = label.replacing(" ", with: "-")
    let chosen = try evaluator.attention(
      pipeline, scenes(.training, subjects: 2), count: max(extent.attention / 3, 1), label: name)
    let rows = try evaluator.attention(
      pipeline, scenes(.heldOutIdentities, subjects: 2), count: extent.attention, label: name)
    let area = rows.mean(\.areas)
    return try (pipeline.adapter == nil ? [0] : [0, 1] as [Float]).flatMap { scale -> [Finding] in
      let curve = chosen.overlaps(scale: scale)
      let best = curve.indices.max { curve[$0] < curve[$1] } ?? 0
      let threshold = Double(best) / Double(max(curve.count - 1, 1))
      let overlaps = rows.compactMap { $0.pointing(scale: scale)?.overlaps }.filter { !$0.isEmpty }.map { $0[best] }
      let each = rows.heights.map { height in
        Self.size(height, rows.mean { $0.pointing(scale: scale, .height(height))?.hits ?? [] })
      }
      let stage = scale == 0 ? StageName.base : .adapter
      let gamma = scale == 0 ? "0" : "1"
      return [
        try Finding(
          "pointing at γ = \(gamma)" + label,
          note: note + "Fraction of heatmaps whose maximum lies in the subject's silhouette. "
            + "Layers of one size alone reach \(each.joined(separator: ", ")).",
          of: rows.means { $0.pointing(scale: scale)?.hits ?? [] }, chance: area, target: label.isEmpty ? 0.97 : 0.75,
          stage: stage),
        try Finding(
          "heatmap overlap at γ = \(gamma)" + label,
          note: note + "Mean intersection over union of the silhouette and the heatmap above \(Self.two(threshold)), a "
            + "threshold chosen on the training split.",
          of: overlaps, chance: area, target: label.isEmpty ? 0.65 : nil, stage: stage),
      ]
    }
  }

  private static func size(_ height: Int, _ value: Double?) -> String { "\(two(value)) at \(height)×\(height)" }

  private static func two(_ value: Double?) -> String {
    guard let value else { return "?" }
    return "\((value * 100).rounded() / 100)"
  }

  // MARK: Generated images

  private func subjects() throws -> [Finding] {
    let rows = try evaluator.subjects(
      pipeline, scenes(.heldOutIdentities, subjects: 1), count: extent.generated, settings: settings)
    return try [
      Finding(
        "subject is nearest of 20",
        note: "The judge picks the right one of 20 candidates for the box. The pick has the right kind in "
          + "\(Self.two(rows.rate { $0.subjects.map(\.kindIsRight) })) of the scenes, the right hue in "
          + "\(Self.two(rows.rate { $0.subjects.map(\.hueIsRight) })).",
        of: rows.rates { $0.subjects.map(\.isNearest) },
        chance: 0.05, target: 0.8, stage: .adapter),
      Finding(
        "subject lands in its box",
        note: "The difference from the empty scene has its centroid in the box. The centroid of the difference's "
          + "largest part is in the box in \(Self.two(rows.rate { $0.landings.map(\.largestIsInBox) })) of the scenes. The box "
          + "holds the image's centre in \(Self.two(rows.rate { $0.landings.map(\.boxHoldsCentre) })).",
        of: rows.rates { $0.landings.map(\.isInBox) }, chance: rows.mean { $0.landings.map(\.boxArea) }, target: 0.95,
        stage: .adapter),
    ] + ownEncoders(rows, "one subject")
  }

  private func pairs() throws -> [Finding] {
    let rows = try evaluator.pairs(
      pipeline, scenes(.heldOutIdentities, subjects: 2), count: extent.generated, settings: settings)
    return try [
      Finding(
        "both of two subjects are nearest of 20",
        note: "The judge picks the right candidate for both subjects. For "
          + "\(Self.two(rows.rate { $0.subjects.map(\.isNearest) })) of all subjects it picks the right one; for "
          + "\(Self.two(rows.rate { $0.subjects.map(\.isTakenForOther) })) it picks the scene's other subject.",
        of: rows.rates { [$0.subjects.allSatisfy(\.isNearest)] }, chance: 0.0025, target: 0.75, stage: .adapter)
    ] + ownEncoders(rows, "two subjects")
  }

  /// Findings by the model's own encoders. They took part in training, so there is no target.
  private func ownEncoders(_ rows: [GenerationRow], _ what: String) throws -> [Finding] {
    try [
      ("crop and reference", rows.means(\.imageCosines)), ("image and caption", rows.compactMap(\.textCosine)),
    ].compactMap { pair, values in
      values.isEmpty
        ? nil
        : try Finding(
          "cosine of \(pair), \(what)", note: "Measured with the model's own encoders.", of: values, stage: .adapter)
    }
  }

  private func layouts() throws -> [Finding] {
    // The first, noisiest steps decide the layout, so guidance acts in them too.
    var settings = settings
    settings.guidanceInterval = Scene.everyNoiseLevel
    let chosen = try evaluator.layouts(
      pipeline, scenes(.training, subjects: 2), count: max(extent.generated / 3, 1), settings: settings)
    let rows = try evaluator.layouts(
      pipeline, scenes(.heldOutIdentities, subjects: 2), count: extent.generated, settings: settings)
    func fits(_ variant: String, _ rows: [LayoutRow]) -> [Double] { rows.means { $0.variants[variant] ?? [] } }
    let published = LayoutVariant.published.name
    let best =
      LayoutVariant.all.map(\.name).max { (fits($0, chosen).mean ?? 0) < (fits($1, chosen).mean ?? 0) } ?? published
    let chance = rows.mean(\.wholeImage)
    let each = Set(rows.flatMap(\.heights.keys)).sorted(by: >).map { height in
      Self.size(height, rows.mean { $0.heights[height] ?? [] })
    }.joined(separator: ", ")
    return [
      try Finding(
        "pseudo layout, published rule",
        note: "Mean intersection over union of requested boxes and boxes around masks, with guidance in every step. "
          + "Layers of one size alone reach \(each). Exact silhouettes in place of attention reach "
          + "\(Self.two(rows.mean(\.silhouettes))).",
        of: fits(published, rows), chance: chance, target: 0.6, stage: .adapter),
      try Finding(
        "pseudo layout, best variant",
        note: "The variant “\(best)” was the best of \(LayoutVariant.all.count) on the training split.",
        of: fits(best, rows), chance: chance, target: 0.7, stage: .adapter),
    ]
  }

  private func baseEquality() throws -> Finding {
    let count = min(extent.generated, 8)
    let isEqual = try evaluator.zeroScaleIsBase(
      pipeline, scenes(.heldOutIdentities, subjects: 2), count: count, settings: settings)
    return Finding(
      "γ = 0 is the base model",
      note: "The value is 1 if every image at γ = 0 equals the image without subjects bit for bit, else 0.",
      interval: try .proportion(successes: isEqual ? Double(count) : 0, trials: count), target: 1, scenes: count)
  }

  // MARK: The judge itself

  private func judgeCeilings() throws -> [Finding] {
    try [1, 2].map { subjects in
      let rows = try evaluator.judgeCeiling(scenes(.heldOutIdentities, subjects: subjects), count: extent.generated)
      return try Finding(
        subjects == 1 ? "judge on rendered scenes, one subject" : "judge on rendered scenes, both of two",
        note: "The judge picks the right one of 20 candidates for every subject of a rendered scene.",
        of: rows.rates { [$0.subjects.allSatisfy(\.isNearest)] }, chance: subjects == 1 ? 0.05 : 0.0025)
    }
  }
}
