import Tensors

/// Maps of phrases in the form that Eq. 7 and the pseudo layout need.
public enum SpanMaps {
  /// Mean over the token columns of each span, then over heads: [B, R, h, w], differentiable.
  ///
  /// - Parameters:
  ///   - probabilities: [B, H, Q, K] with Q = height · width.
  ///   - spans: Token columns of every sample and subject, [B][R]; an empty span gives a zero map.
  public static func mean(of probabilities: Tensor, spans: [[Range<Int>]], height: Int, width: Int) -> Tensor {
    let shape = probabilities.shape
    let subjects = spans.first?.count ?? 0
    guard shape.count == 4, shape[2] == height * width, spans.count == shape[0],
      spans.allSatisfy({ $0.count == subjects })
    else {
      fail(
        "SpanMaps.mean: expected [B, H, \(height)·\(width), K] and as many spans in each sample, found \(shape) and "
          + "\(spans.map(\.count))")
    }
    let keys = shape[3]
    var shares = [Float](repeating: 0, count: shape[0] * keys * subjects)  // [B, K, R]
    for (sample, row) in spans.enumerated() {
      for (subject, span) in row.enumerated() {
        guard span.isEmpty || (span.lowerBound >= 0 && span.upperBound <= keys) else {
          fail("SpanMaps.mean: expected token columns in 0..<\(keys), found \(span)")
        }
        for token in span { shares[(sample * keys + token) * subjects + subject] = 1 / Float(span.count) }
      }
    }
    return probabilities.reshaped([shape[0], shape[1] * shape[2], keys])
      .matmul(Tensor(shares, shape: [shape[0], keys, subjects]))  // [B, H·Q, R]
      .reshaped([shape[0], shape[1], shape[2], subjects])
      .mean(axes: [1])  // [B, Q, R]
      .permuted([0, 2, 1])
      .reshaped([shape[0], subjects, height, width])
  }
}
