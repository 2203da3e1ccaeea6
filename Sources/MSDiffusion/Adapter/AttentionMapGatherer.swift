import Analysis
import Layers
import Models
import Tensors

// Axes: B samples, R subjects, h and w of a layer's feature map.

/// Gathers attention maps of phrases and subjects in every cross-attention layer, recorded on the tape, while a network
/// is trained. Probabilities are made beside the attention itself, which goes on without materialising them.
public final class AttentionMapGatherer: CrossAttentionCompanion {
  /// The maps of one layer, mean over heads and over each subject's tokens.
  public struct LayerMaps: Sendable {
    public let layer: String
    public let grid: FeatureGrid
    /// `[B, R, h, w]`.
    public let maps: Tensor
  }

  /// Attention to the tokens of each phrase; a phrase without tokens has a zero map.
  public private(set) var textMaps: [LayerMaps] = []
  /// Attention to the tokens of each subject, as it is in use (Eq. 5, 6).
  public private(set) var imageMaps: [LayerMaps] = []
  private let subjects: SubjectAttentionRun?
  private let text: Tensor
  private let spans: [[Range<Int>]]?
  private let gathersImages: Bool

  /// - Parameters:
  ///   - subjects: multi-subject attention, which goes on as it would without maps being gathered; nil for a base model.
  ///   - text: text tokens, as the network gets them.
  ///   - spans: token columns of every sample's phrases, as many in each sample; nil to gather no text maps.
  public init(
    beside subjects: SubjectAttentionRun?, text: Tensor, spans: [[Range<Int>]]?, gathersImages: Bool
  ) {
    (self.subjects, self.text, self.spans, self.gathersImages) = (subjects, text, spans, gathersImages)
  }

  public func textBias(in layer: CrossAttention, on grid: FeatureGrid, keys: Int) -> Tensor? {
    subjects?.textBias(in: layer, on: grid, keys: keys)
  }

  public func wantsTextProbabilities(of layer: CrossAttention) -> Bool {
    subjects?.wantsTextProbabilities(of: layer) ?? false
  }

  public func receive(textProbabilities: Tensor, of layer: CrossAttention, on grid: FeatureGrid) {
    subjects?.receive(textProbabilities: textProbabilities, of: layer, on: grid)
  }

  public func attended(query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor? {
    if let spans, spans.joined().contains(where: { !$0.isEmpty }) {
      let probabilities = attentionProbabilities(
        query: query, key: layer.toK(text), heads: layer.heads,
        bias: textBias(in: layer, on: grid, keys: text.shape[1]))
      let maps = SpanMaps.mean(of: probabilities, spans: spans, height: grid.height, width: grid.width)
      textMaps.append(LayerMaps(layer: layer.name, grid: grid, maps: maps))
    }
    if gathersImages, let maps = subjects?.subjectMaps(query: query, in: layer, on: grid) {
      imageMaps.append(LayerMaps(layer: layer.name, grid: grid, maps: maps))
    }
    return subjects?.attended(query: query, in: layer, on: grid)
  }
}
