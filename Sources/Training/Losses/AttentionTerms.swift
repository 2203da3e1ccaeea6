import Analysis
import Layers
import MSDiffusion
import Tensors

// Axes: B samples, R subjects, h and w of a layer's feature map.

/// Weights of the losses that train attention to stay on the subjects (Eq. 7).
public struct AttentionTerms: Sendable, Equatable {
  /// Weight of the loss on image attention (IAL); 0: no such loss.
  public var image: Float
  /// Weight of the loss on text attention (TAL, or grounding supervision); 0: no such loss.
  public var text: Float
  /// Weight of the pixelwise cross-entropy between text attention and the subjects' regions; 0: no such loss.
  public var textPixels: Float

  public init(image: Float = 0, text: Float = 0, textPixels: Float = 0) {
    (self.image, self.text, self.textPixels) = (image, text, textPixels)
  }

  /// No losses on attention.
  public static let none = AttentionTerms()
  /// The paper's loss on image attention.
  public static let image = AttentionTerms(image: 0.01)
  /// The paper's losses on image and text attention. The latter also needs weights of text attention to train; see
  /// ``TrainedTextAttention``.
  public static let imageAndText = AttentionTerms(image: 0.01, text: 0.01)
  /// Grounding supervision of a base model with both losses on text attention, after TokenCompose (Wang et al., 2024).
  /// It needs silhouettes as regions.
  public static let grounding = AttentionTerms(text: 0.1, textPixels: 0.1)
}

extension LayerMaps {
  /// Eq. 7 as the mean over all layers, samples and subjects, one number. Padded subjects, and subjects without
  /// attention, do not count.
  /// - Parameter counts: number of subjects in each sample, without padded ones.
  package static func loss(_ layers: [Self], regions: SubjectRegions, counts: [Int]) -> Tensor {
    guard let subjects = layers.first?.maps.shape[1] else { return Tensor(0) }
    let valid = counts.flatMap { count in (0..<subjects).map { $0 < count ? Float(1) : 0 } }
    return AttentionLoss.value(
      maps: layers.map(\.maps), regions: covered(layers, by: regions),
      valid: Tensor(valid, shape: [counts.count, subjects]), skippingEmpty: true)
  }

  /// Cross-entropy between each position's total attention to a phrase's tokens and the fraction of the position that
  /// the phrase's subject covers.
  /// - Parameter spans: the token columns of every sample's phrases; a phrase without tokens does not count.
  package static func crossEntropy(_ layers: [Self], regions: SubjectRegions, spans: [[Range<Int>]]) -> Tensor {
    guard let shape = layers.first?.maps.shape else { return Tensor(0) }
    let tokens = spans.joined().map { Float($0.count) }
    let each = Tensor(tokens, shape: [shape[0], shape[1], 1, 1])
    return AttentionLoss.crossEntropy(
      maps: layers.map { $0.maps * each }, regions: covered(layers, by: regions),
      valid: Tensor(tokens.map { min($0, 1) }, shape: [shape[0], shape[1]]))
  }

  /// The regions on each layer's grid.
  private static func covered(_ layers: [Self], by regions: SubjectRegions) -> [Tensor] {
    var known: [FeatureGrid: Tensor] = [:]
    return layers.map { layer in
      if let found = known[layer.grid] { return found }
      let found = regions.covered(
        height: layer.grid.height, width: layer.grid.width, subjects: layer.maps.shape[1])
      known[layer.grid] = found
      return found
    }
  }
}
