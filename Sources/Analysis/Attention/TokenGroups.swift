import Tensors

/// Groups of token columns, such as a phrase or a subject's image tokens. All code that averages attention over a
/// group's tokens uses this type.
public enum TokenGroups {
  /// The number by which the sum over a group's tokens is divided: their count for the mean, 1 for the sum.
  public static func divisor(of tokens: Int, _ combination: Combination) -> Double {
    combination == .mean ? Double(tokens) : 1
  }

  /// Mean or sum over the token columns of each group, then mean over heads: [B, R, h, w], differentiable. Stops the
  /// program if shapes do not match or a token column does not exist.
  ///
  /// - Parameters:
  ///   - probabilities: [B, H, Q, K] with Q = height · width.
  ///   - groups: Token columns of every sample's groups, [B][R]; an empty group's map is zero.
  ///   - overTokens: How the token columns of a group are combined.
  public static func maps(
    of probabilities: Tensor, groups: [[Range<Int>]], height: Int, width: Int, overTokens: Combination = .mean
  ) -> Tensor {
    let shape = probabilities.shape
    let count = groups.first?.count ?? 0
    guard shape.count == 4, shape[2] == height * width, groups.count == shape[0],
      groups.allSatisfy({ $0.count == count })
    else {
      fail(
        "TokenGroups.maps: expected probabilities [B, H, \(height)·\(width), K] and, for each of the B samples, the "
          + "same number of groups, found \(shape) and \(groups.map(\.count)) groups")
    }
    let keys = shape[3]
    var weights = [Float](repeating: 0, count: shape[0] * keys * count)  // [B, K, R]
    for (sample, row) in groups.enumerated() {
      for (group, tokens) in row.enumerated() {
        guard tokens.isEmpty || (tokens.lowerBound >= 0 && tokens.upperBound <= keys) else {
          fail("TokenGroups.maps: expected token columns in 0..<\(keys), found \(tokens)")
        }
        let weight = Float(1 / divisor(of: tokens.count, overTokens))
        for token in tokens { weights[(sample * keys + token) * count + group] = weight }
      }
    }
    return probabilities.reshaped([shape[0], shape[1] * shape[2], keys])
      .matmul(Tensor(weights, shape: [shape[0], keys, count]))  // [B, H·Q, R]
      .reshaped([shape[0], shape[1], shape[2], count])
      .mean(axes: [1])  // [B, Q, R]
      .permuted([0, 2, 1])
      .reshaped([shape[0], count, height, width])
  }
}
