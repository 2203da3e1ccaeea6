import Analysis
import Tensors

/// What a pseudo layout is after each step of a run, read off the recorded text maps.
public struct PseudoLayoutHistory: Sendable {
  private let phrases: [String]
  private let rule: PseudoLayout
  /// The layer that is looked at.
  private let layer: Int
  /// One map per subject and step, of every recorded layer: [layer][subject][step], each [h, w].
  private let maps: [[[Tensor]]]

  /// - Parameters:
  ///   - recorder: text attention with its steps kept apart: of one layer, or of all where the rule fuses layers.
  ///   - layer: the layer whose masks are asked for.
  ///   - rule: how maps become masks; its `startStep` is not looked at.
  /// - Throws: `AnalysisError`, `PhraseError`.
  public init(
    _ recorder: AttentionRecorder, of generation: Generation, layer: String, rule: PseudoLayout, sample: Int = 0
  ) throws {
    let recorded = try recorder.maps(sample: generation.samples.lowerBound + sample)
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

  /// One map per subject: the mean of the steps up to and with `step`, as the rule weighs them.
  public func maps(upTo step: Int) -> [Heatmap] {
    zip(phrases, maps[layer]).compactMap { phrase, steps in
      mean(of: steps, upTo: step).map { Heatmap($0, label: phrase) }
    }
  }

  /// One mask [h, w] per subject.
  public func masks(upTo step: Int) -> [Tensor] {
    phrases.indices.compactMap { subject in
      let layers = maps.map { running($0[subject], upTo: step) }
      return rule.fusion == nil ? layers[layer].mean.map { rule.masks(of: $0) } : rule.layoutNow(of: layers)?[layer]
    }
  }

  private func running(_ steps: [Tensor], upTo step: Int) -> RunningMaps {
    steps.prefix(step + 1).reduce(into: RunningMaps(memory: rule.memory)) { $0.add($1) }
  }

  private func mean(of steps: [Tensor], upTo step: Int) -> Tensor? { running(steps, upTo: step).mean }

  /// What the layout says of each subject after some steps.
  public func layouts(at steps: [Int]) -> [Layout] {
    steps.map { step in
      Layout(
        step: step + 1,
        subjects: zip(phrases, masks(upTo: step)).map { phrase, mask in
          Layout.Subject(phrase: phrase, box: Box(around: mask).numbers, fraction: mask.mean().item)
        })
    }
  }

  /// The layout after a step, for the file beside a figure.
  public struct Layout: Sendable, Encodable {
    public struct Subject: Sendable, Encodable {
      public let phrase: String
      /// Around the mask, `[x0, y0, x1, y1]`; all zero for an empty mask.
      public let box: [Float]
      /// Fraction of the image that the mask covers.
      public let fraction: Float
    }

    /// Steps done.
    public let step: Int
    public let subjects: [Subject]
  }

  /// Some steps of a run at about equal distances, the last one among them.
  public static func moments(of steps: Int, count: Int) -> [Int] {
    let count = min(count, steps)
    return (1...max(count, 1)).map { max($0 * steps / max(count, 1) - 1, 0) }
  }
}
