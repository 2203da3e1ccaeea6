import Tensors

/// The loss of Eq. 7, which draws a subject's attention into the subject's region.
///
/// For one subject of a sample, with map A in a layer and region M, the loss is (1 − Σ_M A / Σ A)². The result is the
/// mean over layers, samples and subjects. The region is a box, or a silhouette if one is known.
///
/// Axes: B samples, R subjects, h and w of each layer. A subject counts if `valid` is 1; padded subjects have 0.
/// If the map of a subject that counts is zero, the ratio is undefined: the program stops, or with `skippingEmpty` the
/// subject is left out of the mean.
///
/// All functions stop the program, with a message that names the shapes, if shapes do not match.
public enum AttentionLoss {
  /// The loss, shape [], made of differentiable operations, so that gradients flow back to whatever computed the maps.
  ///
  /// - Parameters:
  ///   - maps: One tensor [B, R, h, w] per layer, not negative.
  ///   - regions: One mask [B, R, h, w] per layer.
  ///   - valid: [B, R] of 0 and 1; nil: all subjects count.
  ///   - skippingEmpty: Whether a subject whose map is zero in a layer is left out there, instead of stopping the
  ///     program.
  /// - Returns: The loss; 0 if no subject counts.
  public static func value(
    maps: [Tensor], regions: [Tensor], valid: Tensor? = nil, skippingEmpty: Bool = false
  ) -> Tensor {
    check(maps, regions, valid)
    var sum = Tensor(0)
    var counted: Float = 0
    for (layer, (map, region)) in zip(maps, regions).enumerated() {
      let total = map.sum(axes: [2, 3])  // [B, R]
      let weights = weights(total, valid, skippingEmpty, layer: layer)
      counted += weights.reduce(0, +)
      let weight = Tensor(weights, shape: total.shape)
      // Subjects that don't count are divided by one: 0 / 0 would make the gradient NaN in spite of the zero weight.
      let divisor = total * weight + (1 - weight)
      let missing = 1 - (map * region).sum(axes: [2, 3]) / divisor
      sum = sum + (missing.square() * weight).sum()
    }
    return counted > 0 ? sum / counted : Tensor(0)
  }

  /// The gradient of ``value(maps:regions:valid:skippingEmpty:)`` with respect to every map, in closed form:
  /// −2 (1 − r)(M − r) / (N Σ A), where r is the fraction of the attention inside the region, and N is the number of
  /// maps that count, over all layers, samples and subjects. A map that does not count has a gradient of zero.
  ///
  /// - Returns: One gradient [B, R, h, w] per layer.
  public static func gradients(
    maps: [Tensor], regions: [Tensor], valid: Tensor? = nil, skippingEmpty: Bool = false
  ) -> [Tensor] {
    check(maps, regions, valid)
    let totals = maps.map { $0.sum(axes: [2, 3]) }
    let weights = totals.enumerated().map { Self.weights($1, valid, skippingEmpty, layer: $0) }
    let counted = weights.joined().reduce(0, +)
    return maps.indices.map { layer in
      let weight = Tensor(weights[layer], shape: totals[layer].shape)
      let divisor = totals[layer] * weight + (1 - weight)
      let ratio = (maps[layer] * regions[layer]).sum(axes: [2, 3]) / divisor
      let factor = -2 * weight * (1 - ratio) / (divisor * max(counted, 1))
      let each = ratio.shape + [1, 1]
      return factor.reshaped(each) * (regions[layer] - ratio.reshaped(each))
    }
  }

  /// Binary cross-entropy of maps against regions, pixel by pixel. Eq. 7 is zero as soon as all attention is inside the
  /// region; this loss also asks it to fill the region (the second term of TokenCompose, Wang et al., 2024).
  ///
  /// - Parameters:
  ///   - maps: One tensor [B, R, h, w] per layer, 0…1.
  ///   - regions: One mask [B, R, h, w] per layer, 0…1.
  ///   - valid: [B, R] of 0 and 1; subjects with 0 do not count.
  /// - Returns: The mean over layers, pixels and the subjects that count, shape []; differentiable with respect to the
  ///   maps; 0 if no subject counts.
  public static func crossEntropy(maps: [Tensor], regions: [Tensor], valid: Tensor) -> Tensor {
    check(maps, regions, valid)
    let counted = valid.sum().item * Float(maps.count)
    guard counted > 0 else { return Tensor(0) }
    let each = valid.reshaped(valid.shape + [1, 1])
    // Keeps the logarithms finite where a map is exactly 0 or 1.
    let margin: Float = 1e-6
    return zip(maps, regions).reduce(Tensor(0)) { sum, pair in
      let map = pair.0 * (1 - 2 * margin) + margin
      let hit = pair.1 * map.log() + (1 - pair.1) * (1 - map).log()
      return sum - (hit * each).sum() / (counted * Float(map.shape[2] * map.shape[3]))
    }
  }

  /// Masks of boxes at a layer's size: [B, R, h, w] from boxes [B][R], where every sample has the same number of boxes.
  public static func regions(of boxes: [[Box]], height: Int, width: Int) -> Tensor {
    let subjects = boxes.first?.count ?? 0
    guard boxes.allSatisfy({ $0.count == subjects }) else {
      fail("AttentionLoss.regions: expected the same number of boxes in each sample, found \(boxes.map(\.count))")
    }
    let masks = boxes.joined().flatMap { $0.mask(height: height, width: width).values }
    return Tensor(masks, shape: [boxes.count, subjects, height, width])
  }

  /// For one layer, 1 for each subject that counts, else 0: [B, R] row by row.
  private static func weights(_ total: Tensor, _ valid: Tensor?, _ skippingEmpty: Bool, layer: Int) -> [Float] {
    let valid = valid?.values ?? [Float](repeating: 1, count: total.count)
    return zip(total.values, valid).enumerated().map { index, pair in
      let (mass, counts) = pair
      if counts == 0 { return 0 }
      if mass > 0 { return 1 }
      if mass == 0, skippingEmpty { return 0 }
      let (sample, subject) = index.quotientAndRemainder(dividingBy: total.shape[1])
      fail(
        "AttentionLoss: expected attention above zero, found a total of \(mass) in layer \(layer), sample \(sample), "
          + "subject \(subject); pass skippingEmpty to leave out subjects whose total is zero")
    }
  }

  private static func check(_ maps: [Tensor], _ regions: [Tensor], _ valid: Tensor?) {
    let fits = maps.count == regions.count && zip(maps, regions).allSatisfy { $0.rank == 4 && $0.shape == $1.shape }
    guard fits else {
      fail(
        "AttentionLoss: expected maps and regions [B, R, h, w] in pairs, found \(maps.map(\.shape)) and "
          + "\(regions.map(\.shape))")
    }
    if let valid, let other = maps.first(where: { Array($0.shape.prefix(2)) != valid.shape }) {
      fail("AttentionLoss: expected valid \(Array(other.shape.prefix(2))), found \(valid.shape)")
    }
  }
}
