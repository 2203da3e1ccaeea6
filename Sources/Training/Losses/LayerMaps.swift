import Analysis
import Layers
import MSDiffusion
import Synchronization
import Tensors

// Axes: B samples, R subjects, h and w of a layer's feature map.

/// Attention to the subjects of a batch in one layer, mean over heads and over each subject's tokens.
public struct LayerMaps: Sendable {
  public let layer: String
  public let grid: FeatureGrid
  /// `[B, R, h, w]`, recorded on the tape.
  public let maps: Tensor
}

/// Records attention maps with their gradient while a network is trained.
public final class LayerMapRecorder: Observing {
  private let gatherer: AttentionGatherer
  private let groups: [[Range<Int>]]
  private let recorded = Mutex<[LayerMaps]>([])

  /// - Parameters:
  ///   - source: text attention, or subject attention with the masks in use (Eq. 5, 6).
  ///   - groups: token columns of every sample's phrases or subjects, equally many per sample; an empty range has a
  ///     zero map.
  public init(_ source: AttentionSource, groups: [[Range<Int>]]) {
    (gatherer, self.groups) = (AttentionGatherer(source), groups)
  }

  public func begin() { recorded.withLock { $0 = [] } }

  public var hooks: [Hook] {
    [
      gatherer.hook { [self] attention in
        let maps = LayerMaps(layer: attention.layer, grid: attention.grid, maps: attention.phraseMaps(groups))
        recorded.withLock { $0.append(maps) }
      }
    ]
  }

  /// One per cross-attention layer, in the order in which the network runs them.
  public var layers: [LayerMaps] { recorded.withLock { $0 } }
}
