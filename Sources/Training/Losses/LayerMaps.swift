import Analysis
import Layers
import MSDiffusion
import Synchronization
import Tensors

// Axes: B samples, R subjects, h and w of a layer's feature map.

/// Attention to the subjects of a batch in one layer, averaged over heads and over each subject's tokens.
public struct LayerMaps: Sendable {
  /// The layer's name.
  public let layer: String
  /// The size of the layer's feature map.
  public let grid: FeatureGrid
  /// One map per sample and subject, recorded on the tape: `[B, R, h, w]`.
  public let maps: Tensor
}

/// Records attention maps while a network is trained, so that a loss on them has gradients.
public final class LayerMapRecorder: Observing {
  private let gatherer: AttentionGatherer
  private let groups: [[Range<Int>]]
  private let recorded = Mutex<[LayerMaps]>([])

  /// - Parameters:
  ///   - source: the attention to record: to text, or to subjects after masking (Eq. 5, 6).
  ///   - groups: the token columns of each phrase or subject, one list per sample. All lists have the same length; the
  ///     map of an empty range is zero.
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

  /// The maps of each cross-attention layer, in the order in which the network runs the layers.
  public var layers: [LayerMaps] { recorded.withLock { $0 } }
}
