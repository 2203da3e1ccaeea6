import Analysis
import MSDiffusion
import TrainingData

/// Measures everything in a model's report. Thresholds and variants are chosen on scenes of the training split;
/// reported values come from held-out scenes.
public struct ModelEvaluation {
  /// Number of scenes to measure.
  public struct Extent: Sendable {
    /// Held-out scenes for attention; thresholds are chosen on a third as many scenes of the training split.
    public var attention: Int
    /// Held-out scenes to generate images for.
    public var generated: Int

    public init(attention: Int = 500, generated: Int = 200) {
      (self.attention, self.generated) = (attention, generated)
    }

    /// Measures this many scenes for attention, and at most 200 of them for images.
    public init(scenes: Int) { self.init(attention: scenes, generated: min(scenes, 200)) }
  }

  let evaluator: Evaluator
  let pipeline: Pipeline
  /// A base that was trained without grounding supervision.
  let ungrounded: Pipeline?
  /// Number of samples that `ungrounded` was trained on, if fewer than the model's base.
  let ungroundedSamples: Int?
  let extent: Extent
  let settings: GenerationSettings

  public init(
    _ evaluator: Evaluator, _ pipeline: Pipeline, ungrounded: Pipeline? = nil, ungroundedSamples: Int? = nil,
    extent: Extent = Extent(), settings: GenerationSettings = GenerationSettings()
  ) {
    (self.evaluator, self.pipeline, self.ungrounded) = (evaluator, pipeline, ungrounded)
    self.ungroundedSamples = ungroundedSamples
    (self.extent, self.settings) = (extent, settings)
  }

  /// Measures everything for which the model has the parts.
  /// - Parameter partly: called after each measure with the results so far.
  public func results(partly: (ModelResults) throws -> Void = { _ in }) throws -> ModelResults {
    var results = ModelResults(checkpoint: pipeline.hash(), settings: settings)
    func add(_ findings: [Finding]) throws {
      results.findings += findings
      try partly(results)
    }
    try add(attention(of: pipeline, label: ""))
    if let findings = try ungroundedFindings() {
      try add(findings)
    } else {
      results.missing.append("a base of equal budget trained without grounding supervision")
    }
    if pipeline.adapter == nil {
      results.missing.append("the adapter: generated subjects, pseudo layout, and attention at γ = 1")
    } else {
      try add(subjects())
      try add(pairs())
      try add(layouts())
      try add([baseEquality()])
    }
    try add(judgeCeilings())
    return results
  }

  /// Measures only the base that was trained without grounding supervision; nil if there is none.
  public func ungroundedFindings() throws -> [Finding]? {
    try ungrounded.map {
      try attention(
        of: $0, label: " without supervision", note: ungroundedSamples.map { "trained on \($0) samples; " } ?? "")
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
          note: note + "maximum of a phrase's heatmap lies in its silhouette; layers of one size alone: "
            + each.joined(separator: ", "),
          of: rows.means { $0.pointing(scale: scale)?.hits ?? [] }, chance: area, target: label.isEmpty ? 0.97 : 0.75,
          stage: stage),
        try Finding(
          "heatmap overlap at γ = \(gamma)" + label,
          note: note
            + "mean intersection over union with the silhouette at threshold \(Self.two(threshold)), chosen on "
            + "the training split", of: overlaps, chance: area, target: label.isEmpty ? 0.65 : nil, stage: stage),
      ]
    }
  }

  private static func size(_ height: Int, _ value: Double?) -> String { "\(height)×\(height): \(two(value))" }

  private static func two(_ value: Double?) -> String {
    guard let value else { return "?" }
    return "\((value * 100).rounded() / 100)"
  }

  // MARK: Generated images

  private func subjects() throws -> [Finding] {
    let rows = try evaluator.subjects(
      pipeline, scenes(.heldOutIdentities, subjects: 1), count: extent.generated, settings: settings)
    let kinds =
      "nearest is of the right kind \(Self.two(rows.rate { $0.subjects.map(\.kindIsRight) })), "
      + "of the right hue \(Self.two(rows.rate { $0.subjects.map(\.hueIsRight) }))"
    return try [
      Finding(
        "subject is nearest of 20", note: "unseen identity, in its box; \(kinds)",
        of: rows.rates { $0.subjects.map(\.isNearest) },
        chance: 0.05, target: 0.8, stage: .adapter),
      Finding(
        "subject lands in its box",
        note: "middle of the difference from the empty scene; of its largest part "
          + "\(Self.two(rows.rate { $0.landings.map(\.largestIsInBox) })); the image's middle lies in "
          + "\(Self.two(rows.rate { $0.landings.map(\.boxHoldsCentre) })) of the boxes",
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
        note: "unseen pairs; each alone \(Self.two(rows.rate { $0.subjects.map(\.isNearest) })), taken for the other "
          + "\(Self.two(rows.rate { $0.subjects.map(\.isTakenForOther) }))",
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
        : try Finding("cosine of \(pair), \(what)", note: "by the model's own encoders", of: values, stage: .adapter)
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
        note: "boxes around masks against those of the request, mean over layers; guided in every step; layers of one "
          + "size alone: \(each); exact silhouettes in place of attention: \(Self.two(rows.mean(\.silhouettes)))",
        of: fits(published, rows), chance: chance, target: 0.6, stage: .adapter),
      try Finding(
        "pseudo layout, best variant", note: "\(best); chosen among \(LayoutVariant.all.count) on the training split",
        of: fits(best, rows), chance: chance, target: 0.7, stage: .adapter),
    ]
  }

  private func baseEquality() throws -> Finding {
    let count = min(extent.generated, 8)
    let isEqual = try evaluator.zeroScaleIsBase(
      pipeline, scenes(.heldOutIdentities, subjects: 2), count: count, settings: settings)
    return Finding(
      "γ = 0 is the base model", note: "images bit for bit",
      interval: try .proportion(successes: isEqual ? Double(count) : 0, trials: count), target: 1, scenes: count)
  }

  // MARK: The judge itself

  private func judgeCeilings() throws -> [Finding] {
    try [1, 2].map { subjects in
      let rows = try evaluator.judgeCeiling(scenes(.heldOutIdentities, subjects: subjects), count: extent.generated)
      return try Finding(
        subjects == 1 ? "the judge's ceiling, one subject" : "the judge's ceiling, both of two",
        note: "drawn scenes in place of generated ones", of: rows.rates { [$0.subjects.allSatisfy(\.isNearest)] },
        chance: subjects == 1 ? 0.05 : 0.0025)
    }
  }
}
