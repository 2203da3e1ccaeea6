/// A subject of a generated scene with the heatmap of its attention: everything that a panel or a file of numbers
/// needs.
public struct AttendedSubject: Sendable {
  public let subject: Subject
  /// The subject's index in the scene, counted from 0.
  public let index: Int
  public let heatmap: Heatmap
  /// The denoising step that the heatmap shows, counted from 0; also 0 if the heatmap is a mean over all steps.
  public let step: Int
  /// How well the heatmap fits the subject's box; nil without a box.
  public let fit: BoxFit?

  public var phrase: String { subject.phrase }
  /// The colour that the subject has in every panel.
  public var color: Color { .distinct(index) }

  init(_ subject: Subject, _ index: Int, _ heatmap: Heatmap, step: Int = 0) {
    (self.subject, self.index, self.heatmap, self.step) = (subject, index, heatmap, step)
    fit = subject.box.isNone ? nil : BoxFit(of: heatmap.values, subject.box)
  }

  /// A panel's caption: the phrase, the percentage of the heatmap that is in the subject's box, and the percentage of
  /// the image that the box covers, such as `“fox”: 63 % in its box, chance 28 %`. If the subject has no
  /// box, the phrase alone.
  public var fitCaption: String {
    guard let fit, let mass = fit.inBoxMass else { return "“\(phrase)”" }
    return "“\(phrase)”: \(percent(mass)) in its box, chance\u{a0}\(percent(fit.chance))"
  }

  /// Whether the cell with the heatmap's greatest value is in the subject's box. If the box's edge cuts this cell, or
  /// if several cells have the greatest value, at least half of their area must be in the box. False without a box.
  public var peaksInBox: Bool { (fit?.pointingHit ?? 0) >= 0.5 }

  /// Each subject's range of values over all steps, so that the subject's maps can be drawn on one scale.
  /// - Parameter steps: [step][subject], as `attendedPerStep(in:sample:)` of a recorder returns them.
  public static func sharedRanges(of steps: [[AttendedSubject]]) -> [ClosedRange<Float>] {
    guard let first = steps.first else { return [] }
    return first.indices.map { subject in
      let ranges = steps.map { $0[subject].heatmap.range }
      return (ranges.map(\.lowerBound).min() ?? 0)...(ranges.map(\.upperBound).max() ?? 1)
    }
  }
}

extension Panel {
  /// A subject's heatmap over an image, with the subject's box in the subject's colour.
  /// - Parameter range: the values that the colour scale spans; nil: from the map's minimum to its maximum.
  /// - Throws: `PlotError`.
  public init(_ attended: AttendedSubject, over image: PixelImage, range: ClosedRange<Float>? = nil) throws {
    self = try Panel(image).overlaid(with: attended.heatmap.values, range: range)
      .boxed(attended.subject.box, color: attended.color)
  }
}

extension AttendedSubject: Encodable {
  private enum CodingKeys: String, CodingKey { case phrase, step, fit }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(phrase, forKey: .phrase)
    try container.encode(step, forKey: .step)
    try container.encode(fit, forKey: .fit)
  }
}

extension AttentionRecorder {
  /// Each subject of a generation with its heatmap, the mean over all steps.
  /// - Parameters:
  ///   - sample: index among the generation's samples.
  ///   - overTokens: whether a subject's tokens are averaged or summed.
  /// - Throws: `PhraseError` if text attention was recorded and a phrase is not in the prompt; `AnalysisError` if
  ///   nothing was recorded for the sample.
  public func attended(
    in generation: Generation, sample: Int = 0, overTokens: Analysis.Combination = .mean
  ) throws -> [AttendedSubject] {
    let heatmaps = try heatmaps(in: generation, sample: sample, overTokens: overTokens)
    return zip(generation.scene.subjects, heatmaps).enumerated().map { AttendedSubject($1.0, $0, $1.1) }
  }

  /// Each subject of a generation with its heatmap at every step; needs a recorder with `keeping: .steps`.
  /// - Returns: [step][subject].
  /// - Throws: as ``attended(in:sample:overTokens:)``; `AnalysisError` if steps were not stored separately.
  public func attendedPerStep(in generation: Generation, sample: Int = 0) throws -> [[AttendedSubject]] {
    let sequences = try sequences(in: generation, sample: sample)
    return (sequences.first ?? []).indices.map { step in
      zip(generation.scene.subjects, sequences).enumerated().map { AttendedSubject($1.0, $0, $1.1[step], step: step) }
    }
  }
}
