import Foundation
import Synchronization

/// Collects heatmaps while a scene is generated: which position listened to which token.
///
/// Only sums are kept, so that memory does not grow with the number of steps unless `keeping: .steps` asks for it.
public final class HeatmapRecorder: Watching {
  /// Which attention is collected.
  public enum Source: Sendable, Equatable {
    /// Of positions to the prompt's tokens; a column a token.
    case textTokens
    /// Of positions to dummy and subject tokens as it is used, confined to the layout; a column a token. Where boxes do
    /// not overlap, a subject's columns add up to 1 inside its box whatever the model thinks.
    case subjectTokens
    /// The same without any layout: what the model would listen to if it were free.
    case unmaskedSubjectTokens
    /// ‖A·V‖: how much each group of tokens really adds to a position; a column a group.
    case subjectContribution(groups: [[Int]])
  }

  public let source: Source
  private let selection: HookSelection
  private let sample: Int
  private let state: Mutex<State>

  private struct State {
    var maps: HeatmapAccumulator
    var values: [String: Tensor] = [:]
    var failure: (any Error)?
  }

  /// - Parameters:
  ///   - source: Which attention.
  ///   - sample: Which row of the batch's samples.
  ///   - layers: Patterns of layer names; all cross-attention layers where empty.
  ///   - grids: Feature map sizes; all where nil.
  ///   - steps: Denoising steps counted from 0; all where nil.
  ///   - heads: Attention heads counted from 0; all where nil.
  ///   - keeping: What is kept apart in place of being summed.
  public init(
    _ source: Source = .textTokens, sample: Int = 0, layers: [String] = [], grids: Set<FeatureGrid>? = nil,
    steps: Set<Int>? = nil, heads: [Int]? = nil, keeping: HeatmapAccumulator.Keeping = []
  ) {
    let kind: HookKind =
      switch source {
      case .textTokens: .textAttention
      case .subjectTokens, .subjectContribution: .subjectAttention
      case .unmaskedSubjectTokens: .subjectAttentionUnmasked
      }
    (self.source, self.sample) = (source, sample)
    selection = HookSelection(kinds: [kind], patterns: layers, grids: grids, steps: steps, heads: heads)
    state = Mutex(State(maps: HeatmapAccumulator(keeping: keeping)))
  }

  public var hooks: [Hook] {
    guard case .subjectContribution(let groups) = source else {
      return [.observe(selection) { [self] in add($0, $0.tensor) }]
    }
    let values = HookSelection(
      kinds: [.subjectValue], patterns: selection.patterns, grids: selection.grids, steps: selection.steps)
    return [
      .observe(values) { [self] event in
        let row = row(event)
        state.withLock { $0.values[event.point.layer] = event.tensor.sliced(axis: 0, row..<row + 1) }
      },
      .observe(selection) { [self] event in
        guard let value = state.withLock({ $0.values[event.point.layer] }) else { return }
        let row = row(event)
        let probabilities = event.tensor.sliced(axis: 0, row..<row + 1)
        add(event, ValueContribution.perGroup(probabilities: probabilities, values: value, groups: groups), row: 0)
      },
    ]
  }

  /// What was collected, for maps of any choice of tokens, layers, steps and heads.
  /// - Throws: what went wrong while it was collected: `AnalysisError.notFinite` and the like.
  public func maps() throws -> HeatmapAccumulator {
    try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.maps
    }
  }

  /// The heatmap of some token columns, averaged over all that was collected.
  /// - Throws: `AnalysisError`.
  public func heatmap(_ label: String, tokens: some Collection<Int>) throws -> Heatmap {
    try maps().heatmap(label, tokens: tokens)
  }

  /// One heatmap a subject of a scene: of its phrase in the prompt, or of its image tokens.
  /// - Throws: `PhraseError` where a phrase is not in the prompt; `AnalysisError`.
  public func heatmaps(of scene: Scene, in pipeline: Pipeline) throws -> [Heatmap] {
    switch source {
    case .textTokens:
      return try zip(scene.phrases, pipeline.spans(of: scene)).map { try heatmap($0, tokens: $1) }
    case .subjectTokens, .unmaskedSubjectTokens:
      return try scene.subjects.indices.map { try heatmap(scene.phrases[$0], tokens: pipeline.columns(ofSubject: $0)) }
    case .subjectContribution(let groups):
      return try groups.indices.map { try heatmap($0 < scene.phrases.count ? scene.phrases[$0] : "", tokens: [$0]) }
    }
  }

  private func row(_ event: HookEvent) -> Int { (event.moment.conditionalRows?.lowerBound ?? 0) + sample }

  private func add(_ event: HookEvent, _ tensor: Tensor, row: Int? = nil) {
    guard let grid = event.grid else { return }
    let row = row ?? self.row(event)
    let one = tensor.sliced(axis: 0, row..<row + 1)
    state.withLock { state in
      do {
        try state.maps.add(
          one, height: grid.height, width: grid.width, layer: event.point.layer, step: event.moment.step)
      } catch {
        state.failure = state.failure ?? error
      }
    }
  }
}

extension HeatmapRecorder: CustomStringConvertible {
  /// What was collected so far.
  public var description: String {
    guard let maps = try? maps() else { return "HeatmapRecorder \(source), stopped by an error" }
    let steps = Set(maps.layers.flatMap(\.steps)).count
    return "HeatmapRecorder \(source): \(maps.layers.count) layers, \(steps) steps, \(maps.byteCount / 1024) KiB"
  }
}
