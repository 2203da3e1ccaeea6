import Analysis
import MSDiffusion
import TrainingData

/// Measures everything in a model's report. Thresholds and variants are chosen on scenes of the training split,
/// reported numbers come from held-out scenes.
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

    /// This many scenes for attention, and at most 200 of them for images.
    public init(scenes: Int) { self.init(attention: scenes, generated: min(scenes, 200)) }
  }

  let evaluator: Evaluator
  let pipeline: Pipeline
  /// A base that was trained without grounding supervision.
  let ungrounded: Pipeline?
  /// Number of samples that it was trained on, if fewer than the model's base.
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

  /// Measures everything that the model has the parts for.
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

  /// Measures only the base without grounding supervision; nil if there is none.
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
    let area = rows.mean("area")
    return try (pipeline.adapter == nil ? [0] : [0, 1]).flatMap { scale -> [Finding] in
      let curve = chosen.curve("overlap.\(scale)")
      let best = curve.indices.max { curve[$0] < curve[$1] } ?? 0
      let threshold = Double(best) / Double(max(curve.count - 1, 1))
      let overlaps = rows.compactMap { $0.values["overlap.\(scale)"]?[best] }
      let sizes = Set(rows.flatMap { $0.values.keys }).filter { $0.hasPrefix("pointing.\(scale).") }
        .compactMap { Int($0.split(separator: ".")[2]) }.sorted(by: >)
      let each = sizes.map { "\($0)×\($0): \(Self.two(rows.mean("pointing.\(scale).\($0)")))" }
      let stage = scale == 0 ? StageName.base : .adapter
      return [
        try Finding(
          "pointing at γ = \(scale)" + label,
          note: note + "maximum of a phrase's heatmap lies in its silhouette; layers of one size alone: "
            + each.joined(separator: ", "),
          of: rows.means("pointing.\(scale)"), chance: area, target: label.isEmpty ? 0.97 : 0.75,
          stage: stage),
        try Finding(
          "heatmap overlap at γ = \(scale)" + label,
          note: note
            + "mean intersection over union with the silhouette at threshold \(Self.two(threshold)), chosen on "
            + "the training split", of: overlaps, chance: area, target: label.isEmpty ? 0.65 : nil, stage: stage),
      ]
    }
  }

  private static func two(_ value: Double?) -> String {
    guard let value else { return "?" }
    return "\((value * 100).rounded() / 100)"
  }

  // MARK: Generated images

  private func subjects() throws -> [Finding] {
    let rows = try evaluator.subjects(
      pipeline, scenes(.heldOutIdentities, subjects: 1), count: extent.generated, settings: settings)
    let kinds =
      "nearest is of the right kind \(Self.two(rows.mean("kind"))), of the right hue \(Self.two(rows.mean("hue")))"
    return try [
      Finding(
        "subject is nearest of 20", note: "unseen identity, in its box; \(kinds)", of: rows.means("recognised"),
        chance: 0.05, target: 0.8, stage: .adapter),
      Finding(
        "subject lands in its box",
        note: "middle of the difference from the empty scene; of its largest part "
          + "\(Self.two(rows.mean("landed.largest"))); the image's middle lies in "
          + "\(Self.two(rows.mean("box around centre"))) of the boxes", of: rows.means("landed"),
        chance: rows.mean("box area"), target: 0.95, stage: .adapter),
    ] + ownEncoders(rows, "one subject")
  }

  private func pairs() throws -> [Finding] {
    let rows = try evaluator.pairs(
      pipeline, scenes(.heldOutIdentities, subjects: 2), count: extent.generated, settings: settings)
    let both = rows.compactMap { $0.values["recognised"]?.min() }
    return try [
      Finding(
        "both of two subjects are nearest of 20",
        note: "unseen pairs; each alone \(Self.two(rows.mean("recognised"))), taken for the other "
          + "\(Self.two(rows.mean("swapped")))", of: both, chance: 0.0025, target: 0.75, stage: .adapter)
    ] + ownEncoders(rows, "two subjects")
  }

  /// By encoders that took part in training: reported, without a target.
  private func ownEncoders(_ rows: [SceneRow], _ what: String) throws -> [Finding] {
    try [("clip.image", "crop and reference"), ("clip.text", "image and caption")].compactMap { list, pair in
      let values = rows.means(list)
      return values.isEmpty
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
    let published = LayoutVariant.published.name
    let best =
      LayoutVariant.all.map(\.name).max { (chosen.mean($0) ?? 0) < (chosen.mean($1) ?? 0) } ?? published
    let chance = rows.mean("whole image")
    let sizes = Set(rows.flatMap { $0.values.keys }).compactMap { Int($0.split(separator: "×")[0]) }.sorted(by: >)
    let each = sizes.map { "\($0)×\($0): \(Self.two(rows.mean("\($0)×\($0)")))" }.joined(separator: ", ")
    return [
      try Finding(
        "pseudo layout, published rule",
        note: "boxes around masks against those of the request, mean over layers; guided in every step; layers of one "
          + "size alone: \(each); exact silhouettes in place of attention: \(Self.two(rows.mean("silhouettes")))",
        of: rows.means(published), chance: chance, target: 0.6, stage: .adapter),
      try Finding(
        "pseudo layout, best variant", note: "\(best); chosen among \(LayoutVariant.all.count) on the training split",
        of: rows.means(best), chance: chance, target: 0.7, stage: .adapter),
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
        note: "drawn scenes in place of generated ones", of: rows.compactMap { $0.values["recognised"]?.min() },
        chance: subjects == 1 ? 0.05 : 0.0025)
    }
  }
}
