import Analysis
import Layers
import Models
import Tensors

// Axes: S samples, H heads, Q positions, K tokens, R groups of tokens, h and w of a layer's feature map.

/// The attention to gather.
public enum AttentionSource: String, Sendable, CaseIterable {
  /// Attention of positions to the prompt's tokens.
  case text
  /// Attention of positions to dummy and subject tokens, masked by the layout. At a position that is in only one
  /// subject's mask, the probabilities of that subject's tokens therefore always sum to 1.
  case subjects
  /// Attention of positions to dummy and subject tokens without the layout mask.
  case unmaskedSubjects
  /// ‖γ W_O A V‖, the norm of what each subject adds to a position, with γ the subjects' scale (Eq. 2). There is one
  /// column per subject.
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

/// Passes attention on to a function during a run. Heatmaps, pseudo layouts, losses and measures all use it.
public struct AttentionGatherer: Sendable {
  /// Which rows of a batch are gathered.
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
  ///   - grids: feature map sizes; nil: all sizes.
  ///   - steps: denoising steps, counted from 0; nil: all steps.
  ///   - heads: attention heads, counted from 0; nil: all heads.
  public init(
    _ source: AttentionSource, samples: Samples = .all, layers: [String] = [], grids: Set<FeatureGrid>? = nil,
    steps: Set<Int>? = nil, heads: [Int]? = nil
  ) {
    (self.source, self.samples) = (source, samples)
    selection = HookSelection(kinds: [source.kind], patterns: layers, grids: grids, steps: steps, heads: heads)
  }

  /// A hook that calls `body` with the attention of every selected layer in every selected step.
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
      guard !numbers.isEmpty else {
        throw AnalysisError.empty("samples: expected at least one sample to gather attention of, found an empty list")
      }
      try AnalysisError.require(numbers, in: 0..<conditional.count, kind: "samples")
      return numbers.map { conditional.lowerBound + $0 }
    }
  }
}

/// Attention of one layer in one step.
public struct GatheredAttention: Sendable {
  /// The layer's name.
  public let layer: String
  /// The size of the layer's feature map.
  public let grid: FeatureGrid
  /// The denoising step, counted from 0; 0 outside of denoising.
  public let step: Int
  /// The heads that `probabilities` holds, counted from 0 in the whole layer; nil without a head axis.
  public let heads: [Int]?
  /// Number of heads of the layer; nil without a head axis.
  public let headCount: Int?
  /// `[S, H, Q, K]`; for ``AttentionSource/contribution`` `[S, Q, R]`, one column per subject.
  public let probabilities: Tensor

  /// Mean over the tokens of each phrase, then over heads: `[S, R, h, w]`, differentiable. Stops the program for
  /// contributions, which have no head axis.
  /// - Parameter spans: the token columns of each phrase, one list per sample. All lists have the same length.
  public func phraseMaps(_ spans: [[Range<Int>]]) -> Tensor {
    TokenGroups.maps(of: probabilities, groups: spans, height: grid.height, width: grid.width)
  }
}
