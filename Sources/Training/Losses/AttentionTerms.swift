import Analysis
import Layers
import Tensors

// Axes: B samples, R subjects, H and W of silhouettes, h and w of a layer's feature map.

/// Which attention is pulled towards the places where subjects are (Eq. 7), and how strongly.
public struct AttentionTerms: Sendable, Equatable {
  /// Weight of the loss on image attention (IAL); 0: none.
  public var image: Float
  /// Weight of the loss on text attention (TAL, or grounding supervision); 0: none.
  public var text: Float
  /// Weight of the cross-entropy between text attention and the places of subjects, pixel by pixel; 0: none.
  public var textPixels: Float

  public init(image: Float = 0, text: Float = 0, textPixels: Float = 0) {
    (self.image, self.text, self.textPixels) = (image, text, textPixels)
  }

  public static let none = AttentionTerms()
  /// The paper's loss on image attention.
  public static let image = AttentionTerms(image: 0.01)
  /// The paper's loss on image and text attention; text cross-attention is to be trained with it.
  public static let imageAndText = AttentionTerms(image: 0.01, text: 0.01)
  /// Grounding supervision of a base model by tokens and by pixels, after TokenCompose (Wang et al., 2024): give it
  /// silhouettes.
  public static let grounding = AttentionTerms(text: 0.1, textPixels: 0.1)
}

/// Where the subjects of a batch are.
public enum SubjectRegions: Sendable {
  /// Boxes of every sample's subjects; samples may have different numbers of them.
  case boxes([[Box]])
  /// 1 on a subject, 0 elsewhere: `[B, R, H, W]`; of padded subjects all zero.
  case silhouettes(Tensor)

  /// How much of each cell of a feature map a subject covers, `[B, R, h, w]`.
  package func covered(on grid: FeatureGrid, subjects: Int) -> Tensor {
    switch self {
    case .boxes(let boxes):
      let padded = boxes.map { $0 + [Box](repeating: .none, count: subjects - $0.count) }
      return AttentionLoss.regions(of: padded, height: grid.height, width: grid.width)
    case .silhouettes(let masks):
      guard masks.rank == 4, masks.shape[1] == subjects else {
        fail("SubjectRegions: expected silhouettes [B, \(subjects), H, W], found \(masks.shape)")
      }
      let down = cellShares(masks.shape[2], grid.height)  // [h, H]
      let across = cellShares(masks.shape[3], grid.width)  // [w, W]
      return down.matmul(masks).matmul(across.transposed())
    }
  }
}

/// Which share of each of `cells` equal parts of an axis every one of its `places` makes up: `[cells, places]`.
private func cellShares(_ places: Int, _ cells: Int) -> Tensor {
  let width = Double(places) / Double(cells)
  var shares: [Float] = []
  for cell in 0..<cells {
    let (start, end) = (Double(cell) * width, Double(cell + 1) * width)
    for place in 0..<places {
      shares.append(Float(max(0, min(end, Double(place + 1)) - max(start, Double(place))) / width))
    }
  }
  return Tensor(shares, shape: [cells, places])
}

extension LayerMaps {
  /// Eq. 7 over all layers, samples and subjects, one number. Padded subjects and those without attention don't count.
  /// - Parameter counts: real subjects of every sample.
  package static func loss(_ layers: [Self], regions: SubjectRegions, counts: [Int]) -> Tensor {
    guard let subjects = layers.first?.maps.shape[1] else { return Tensor(0) }
    let valid = counts.flatMap { count in (0..<subjects).map { $0 < count ? Float(1) : 0 } }
    return AttentionLoss.value(
      maps: layers.map(\.maps), regions: covered(layers, by: regions),
      valid: Tensor(valid, shape: [counts.count, subjects]), skippingEmpty: true)
  }

  /// Cross-entropy of how much each pixel attends to any of a phrase's tokens against how much of it the subject covers.
  /// - Parameter spans: tokens of every sample's phrases; a phrase without tokens does not count.
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
      let found = known[layer.grid] ?? regions.covered(on: layer.grid, subjects: layer.maps.shape[1])
      known[layer.grid] = found
      return found
    }
  }
}
