/// What a pseudo layout would be after each step of a run, from the text maps of one layer.
public struct PseudoLayoutHistory: Sendable {
  private let sequences: [[Heatmap]]
  private let rule: PseudoLayout

  /// - Parameters:
  ///   - recorder: Text attention of one layer, with its steps kept apart.
  ///   - scene: Whose phrases.
  ///   - pipeline: What the scene was generated with.
  ///   - rule: How maps become masks; its `startStep` is not looked at.
  /// - Throws: `AnalysisError`, `PhraseError`.
  public init(_ recorder: HeatmapRecorder, scene: Scene, pipeline: Pipeline, rule: PseudoLayout) throws {
    let maps = try recorder.maps()
    sequences = try zip(scene.phrases, pipeline.spans(of: scene)).map { try maps.sequence($0, tokens: $1) }
    self.rule = rule
  }

  /// One map a subject: the mean of the steps up to and with `step`.
  /// - Throws: `AnalysisError`.
  public func maps(upTo step: Int) throws -> [Heatmap] {
    try sequences.map { try Heatmap.combined(Array($0.prefix(step + 1)), label: $0[0].label) }
  }

  /// One mask [h, w] a subject.
  /// - Throws: `AnalysisError`.
  public func masks(upTo step: Int) throws -> [Tensor] { try maps(upTo: step).map { rule.masks(of: $0.values) } }

  /// The boxes around the masks, and the share of the image that they cover, for the file beside a figure.
  /// - Throws: `AnalysisError`.
  public func numbers(at steps: [Int]) throws -> JSONValue {
    .array(
      try steps.map { step in
        .object([
          ("step", JSONValue(step + 1)),
          (
            "subjects",
            .array(
              try zip(maps(upTo: step), masks(upTo: step)).map { map, mask in
                .object([
                  ("phrase", .string(map.label)), ("box", JSONValue(Box(around: mask).numbers)),
                  ("share", JSONValue(mask.mean().item)),
                ])
              })
          ),
        ])
      })
  }

  /// Some steps of a run at about equal distances, the last one among them.
  public static func moments(of steps: Int, count: Int) -> [Int] {
    let count = min(count, steps)
    return (1...max(count, 1)).map { max($0 * steps / max(count, 1) - 1, 0) }
  }
}
