import Tensors

// Axes: B samples, R subjects, H and W of silhouettes, h and w of a feature map.

/// The image regions that the subjects of a batch cover.
public enum SubjectRegions: Sendable {
  /// The boxes of every sample's subjects; samples may have different numbers of subjects.
  case boxes([[Box]])
  /// 1 on a subject, 0 elsewhere: `[B, R, H, W]`; all zero for padded subjects.
  case silhouettes(Tensor)

  /// How much of each cell of a feature map each subject covers, `[B, R, h, w]`: for silhouettes, the fraction of the
  /// cell; for boxes, 1 in the cells of the box and 0 elsewhere. Stops the program if a sample has more than `subjects`
  /// boxes, or if the number of silhouettes per sample is not `subjects`.
  package func covered(height: Int, width: Int, subjects: Int) -> Tensor {
    switch self {
    case .boxes(let boxes):
      let padded = boxes.map { $0 + [Box](repeating: .none, count: subjects - $0.count) }
      return AttentionLoss.regions(of: padded, height: height, width: width)
    case .silhouettes(let masks):
      guard masks.rank == 4, masks.shape[1] == subjects else {
        fail("SubjectRegions: expected silhouettes [B, \(subjects), H, W], found \(masks.shape)")
      }
      let rowFractions = Self.cellFractions(masks.shape[2], height)  // [h, H]
      let columnFractions = Self.cellFractions(masks.shape[3], width)  // [w, W]
      return rowFractions.matmul(masks).matmul(columnFractions.transposed())
    }
  }

  /// If an axis of `pixels` is divided into `cells` equal parts, the fraction of each part that each pixel fills:
  /// `[cells, pixels]`.
  private static func cellFractions(_ pixels: Int, _ cells: Int) -> Tensor {
    let width = Double(pixels) / Double(cells)
    var fractions: [Float] = []
    for cell in 0..<cells {
      let (start, end) = (Double(cell) * width, Double(cell + 1) * width)
      for pixel in 0..<pixels {
        fractions.append(Float(max(0, min(end, Double(pixel + 1)) - max(start, Double(pixel))) / width))
      }
    }
    return Tensor(fractions, shape: [cells, pixels])
  }
}
