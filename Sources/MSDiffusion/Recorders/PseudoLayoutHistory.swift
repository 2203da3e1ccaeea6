import Analysis
import Tensors

/// The pseudo layout after each step of a generation, computed from recorded text maps.
public struct PseudoLayoutHistory: Sendable {
  private let phrases: [String]
  private let rule: PseudoLayout
  /// Index of the layer whose maps and masks are returned.
  private let layer: Int
  /// One map per layer, subject and step: [layer][subject][step], each [h, w].
  private let maps: [[[Tensor]]]

  /// A recorder of everything that a history needs: text attention at every step, in the given layer or, if the rule
  /// fuses layers, in all of them.
  public static func recorder(for rule: PseudoLayout, layer: String) -> AttentionRecorder {
    AttentionRecorder(.text, layers: rule.fusion == nil ? [layer] : [], keeping: .steps)
  }

  /// - Parameters:
  ///   - recorder: a recorder that ``recorder(for:layer:)`` made and that observed the generation.
  ///   - generation: the generation that was observed.
  ///   - layer: the layer whose maps and masks are returned.
  ///   - rule: how masks are derived from maps; its `startStep` is ignored.
  ///   - sample: index among the generation's samples.
  /// - Throws: `AnalysisError` if the layer, the sample or single steps were not recorded; `PhraseError` if a phrase is
  ///   not in the prompt.
  public init(
    _ recorder: AttentionRecorder, of generation: Generation, layer: String, rule: PseudoLayout, sample: Int = 0
  ) throws {
    let recorded = try recorder.maps(sample: recorder.index(of: sample, in: generation))
    let names = rule.fusion == nil ? [layer] : recorded.layers.map(\.name)
    guard let index = names.firstIndex(of: layer) else {
      throw AnalysisError.unknownLayer(name: layer, recorded: names)
    }
    let spans = try generation.phrases.map { try $0.get() }
    maps = try names.map { name in
      try spans.map { try recorded.sequence("", tokens: $0, layers: [name]).map(\.values) }
    }
    (phrases, self.rule, self.layer) = (generation.scene.phrases, rule, index)
  }

  /// One map per subject: the mean over the steps up to and including `step`, with the rule's weights.
  /// - Parameter step: index of the last step, counted from 0; nil: the mean over all steps.
  /// - Throws: `AnalysisError.notRecorded` if the step was not recorded.
  public func maps(through step: Int? = nil) throws -> [Heatmap] {
    if let step { try require(step) }
    return zip(phrases, maps[layer]).compactMap { phrase, steps in
      running(steps, through: step ?? steps.count - 1).mean.map { Heatmap($0, label: phrase) }
    }
  }

  /// One mask [h, w] of 0 and 1 per subject, from the steps up to and including `step`, counted from 0.
  /// - Throws: `AnalysisError.notRecorded` if the step was not recorded.
  public func masks(through step: Int) throws -> [Tensor] {
    try require(step)
    return phrases.indices.compactMap { subject in
      let layers = maps.map { running($0[subject], through: step) }
      return rule.fusion == nil
        ? layers[layer].mean.map { rule.masks(of: $0) } : rule.masksIgnoringStart(of: layers)?[layer]
    }
  }

  private func running(_ steps: [Tensor], through step: Int) -> RunningMaps {
    steps.prefix(step + 1).reduce(into: RunningMaps(decay: rule.decay)) { $0.add($1) }
  }

  private func require(_ step: Int) throws {
    let recorded = maps[layer].first?.count ?? 0
    try AnalysisError.require([step], in: 0..<recorded, kind: "step of the pseudo layout")
  }

  /// The layout after each of these steps, counted from 0.
  /// - Throws: `AnalysisError.notRecorded` if a step was not recorded.
  public func layouts(at steps: [Int]) throws -> [Layout] {
    try steps.map { step in
      Layout(
        step: step + 1,
        subjects: try zip(phrases, masks(through: step)).map { phrase, mask in
          Layout.Subject(phrase: phrase, box: Box(around: mask).numbers, fraction: mask.mean().item)
        })
    }
  }

  /// The layout after a step, as written to the file next to a figure.
  public struct Layout: Sendable, Encodable {
    public struct Subject: Sendable, Encodable {
      public let phrase: String
      /// The smallest box around the mask, `[x0, y0, x1, y1]`; all zeros for an empty mask.
      public let box: [Float]
      /// Fraction of the image that the mask covers.
      public let fraction: Float
    }

    /// Number of completed steps.
    public let step: Int
    public let subjects: [Subject]
  }

  /// The indices of `count` steps among `steps` steps, about equally spaced. The last step is one of them. If there are
  /// fewer steps than `count`, the indices of all steps.
  public static func evenlySpaced(_ count: Int, of steps: Int) -> [Int] {
    let count = min(count, steps)
    return (1...max(count, 1)).map { max($0 * steps / max(count, 1) - 1, 0) }
  }
}
