import Analysis
import Layers
import Models
import Tensors

// Axes: S samples, H heads, Q positions, K tokens, R groups of tokens, h and w of a layer's feature map.

/// The attention to gather.
public enum AttentionSource: String, Sendable, CaseIterable {
  /// Attention of positions to the prompt's tokens.
  case text
  /// Attention of positions to dummy and subject tokens, masked by the layout. If boxes do not overlap, the
  /// probabilities of a subject's tokens inside its box always sum to 1.
  case subjects
  /// Attention of positions to dummy and subject tokens without the layout mask.
  case unmaskedSubjects
  /// ‖γ W_O A V‖, the norm of what each subject adds to a position, with γ the subjects' scale (Eq. 2); one column per
  /// subject.
  case contribution

  var kind: HookKind {
    switch self {
    case .text: .textAttention
    case .subjects: .subjectAttention
    case .unmaskedSubjects: .subjectAttentionUnmasked
    case .contribution: .subjectContribution
    }
  }
}

/// Gathers attention during a run. Heatmaps, pseudo layouts, losses and measures all use it.
public struct AttentionGatherer: Sendable {
  /// The rows of a batch to gather.
  public enum Samples: Sendable, Equatable {
    /// The conditional half: one row per sample of all scenes.
    case all
    /// The conditional rows of these samples, counted from 0 over all scenes.
    case chosen([Int])
    /// Every row, including the unconditional half.
    case allRows
  }

  public let source: AttentionSource
  public let samples: Samples
  private let selection: HookSelection

  /// - Parameters:
  ///   - layers: patterns of layer names; empty: all cross-attention layers.
  ///   - grids: feature map sizes; nil: all.
  ///   - steps: denoising steps counted from 0; nil: all.
  ///   - heads: attention heads counted from 0; nil: all.
  public init(
    _ source: AttentionSource, samples: Samples = .all, layers: [String] = [], grids: Set<FeatureGrid>? = nil,
    steps: Set<Int>? = nil, heads: [Int]? = nil
  ) {
    (self.source, self.samples) = (source, samples)
    selection = HookSelection(kinds: [source.kind], patterns: layers, grids: grids, steps: steps, heads: heads)
  }

  /// A hook that calls `body` with the attention of every layer in every step.
  public func hook(_ body: @escaping @Sendable (GatheredAttention) throws -> Void) -> Hook {
    .observe(selection) { event in
      guard let grid = event.grid else { return }
      let rows = try rows(of: event)
      let chosen = rows.count == event.tensor.shape[0] ? event.tensor : event.tensor.gathered(axis: 0, rows)
      try body(
        GatheredAttention(
          layer: event.point.layer, grid: grid, step: event.moment.step ?? 0, heads: event.heads,
          headCount: event.point.heads, probabilities: chosen))
    }
  }

  private func rows(of event: HookEvent) throws -> [Int] {
    let all = 0..<event.tensor.shape[0]
    let conditional = event.moment.rows ?? all
    switch samples {
    case .allRows: return Array(all)
    case .all: return Array(conditional)
    case .chosen(let numbers):
      guard numbers.allSatisfy((0..<conditional.count).contains) else {
        throw AnalysisError.notRecorded(kind: "samples", requested: numbers, available: "0..<\(conditional.count)")
      }
      return numbers.map { conditional.lowerBound + $0 }
    }
  }
}

/// Attention of one layer in one step.
public struct GatheredAttention: Sendable {
  public let layer: String
  public let grid: FeatureGrid
  public let step: Int
  /// Indices in the layer of the heads in `probabilities`; nil without a head axis.
  public let heads: [Int]?
  /// Number of heads of the layer.
  public let headCount: Int?
  /// `[S, H, Q, K]`; `[S, Q, R]` for contributions.
  public let probabilities: Tensor

  /// Mean over the tokens of each phrase, then over heads: `[S, R, h, w]`, differentiable.
  /// - Parameter spans: token columns per sample and phrase, the same number of phrases in each sample.
  public func phraseMaps(_ spans: [[Range<Int>]]) -> Tensor {
    TokenGroups.maps(of: probabilities, groups: spans, height: grid.height, width: grid.width)
  }
}
