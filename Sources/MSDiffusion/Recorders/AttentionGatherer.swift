import Analysis
import Layers
import Models
import Tensors

// Axes: S samples, H heads, Q positions, K tokens, R groups of tokens, h and w of a layer's feature map.

/// Which attention a recorder gathers.
public enum AttentionSource: String, Sendable, CaseIterable {
  /// Of positions to the prompt's tokens.
  case text
  /// Of positions to dummy and subject tokens as it is used, confined to the layout. Where boxes do not overlap, a
  /// subject's tokens together get 1 inside its box, whatever the model thinks.
  case subjects
  /// The same without any layout: what the model would attend to if it were free.
  case unmaskedSubjects
  /// ‖γ W_O A V‖: how much each subject really adds to a position; a column per subject.
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

/// Gathers attention as it passes by: the one way in which heatmaps, pseudo layouts, losses and measures come by it.
public struct AttentionGatherer: Sendable {
  /// Which rows of a batch.
  public enum Samples: Sendable, Equatable {
    /// One per sample of all scenes: the conditional half.
    case all
    /// These samples, counted from 0 over all scenes.
    case chosen([Int])
    /// Every row, the unconditional half too.
    case allRows
  }

  public let source: AttentionSource
  public let samples: Samples
  private let selection: HookSelection

  /// - Parameters:
  ///   - layers: patterns of layer names; all cross-attention layers where empty.
  ///   - grids: feature map sizes; all where nil.
  ///   - steps: denoising steps counted from 0; all where nil.
  ///   - heads: attention heads counted from 0; all where nil.
  public init(
    _ source: AttentionSource, samples: Samples = .all, layers: [String] = [], grids: Set<FeatureGrid>? = nil,
    steps: Set<Int>? = nil, heads: [Int]? = nil
  ) {
    (self.source, self.samples) = (source, samples)
    selection = HookSelection(kinds: [source.kind], patterns: layers, grids: grids, steps: steps, heads: heads)
  }

  /// A hook that hands every layer's attention of a step to a body.
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
  /// The heads that `probabilities` holds, counted in the whole layer; nil where there is no head axis.
  public let heads: [Int]?
  /// Number of heads of the layer.
  public let headCount: Int?
  /// `[S, H, Q, K]`; `[S, Q, R]` for contributions.
  public let probabilities: Tensor

  /// Mean over the tokens of each phrase, then over heads: `[S, R, h, w]`, differentiable.
  /// - Parameter spans: token columns per sample and phrase, as many in each sample.
  public func phraseMaps(_ spans: [[Range<Int>]]) -> Tensor {
    TokenGroups.maps(of: probabilities, groups: spans, height: grid.height, width: grid.width)
  }
}
