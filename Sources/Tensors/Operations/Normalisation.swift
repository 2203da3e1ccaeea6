import CKernels

extension Tensor {
  /// Layer normalisation along the last axis: mean 0, variance 1 (biased), then weight and bias.
  ///
  /// - Parameters:
  ///   - weight: [C], or nil for ones.
  ///   - bias: [C], or nil for zeros.
  public func layerNorm(weight: Tensor?, bias: Tensor?, epsilon: Float) -> Tensor {
    guard let columns = shape.last, weight == nil || weight?.shape == [columns], bias == nil || bias?.shape == [columns]
    else { fail("layerNorm: \(shape) does not fit weight \(weight?.shape ?? []), bias \(bias?.shape ?? [])") }
    let source = pointer
    defer { withExtendedLifetime((storage, weight, bias)) {} }
    return Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress, columns > 0 else { return }
      parallel(buffer.count / columns, cost: columns * 4) { rows in
        msd_layer_norm(
          source + rows.lowerBound * columns, target + rows.lowerBound * columns, Int64(rows.count), Int64(columns),
          weight?.pointer, bias?.pointer, epsilon)
      }
    }
    .recorded(from: [self] + [weight, bias].compactMap { $0 }) {
      [x = detached, w = weight?.detached, hasWeight = weight != nil, hasBias = bias != nil] derivative in
      let rows = x.count / max(columns, 1)
      let parts = normDerivative(
        x, derivative: w.map { derivative * $0 } ?? derivative, groups: rows, each: columns, epsilon: epsilon)
      let leading = Array(0..<x.rank - 1)
      return [parts.input] + (hasWeight ? [(derivative * parts.normal).sum(axes: leading)] : [])
        + (hasBias ? [derivative.sum(axes: leading)] : [])
    }
  }

  /// Group normalisation of [B, C, ...]: the channels cut into `groups`, each normalised with all its places.
  ///
  /// - Parameters:
  ///   - weight: [C], or nil for ones.
  ///   - bias: [C], or nil for zeros.
  ///   - silu: Whether x·σ(x) follows.
  public func groupNorm(groups: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, silu: Bool = false) -> Tensor {
    guard rank >= 2, groups > 0, shape[1] % groups == 0, weight == nil || weight?.shape == [shape[1]],
      bias == nil || bias?.shape == [shape[1]]
    else {
      fail(
        "groupNorm: \(shape) does not fit \(groups) groups, weight \(weight?.shape ?? []), bias \(bias?.shape ?? [])")
    }
    let channels = shape[1] / groups
    let area = shape.dropFirst(2).reduce(1, *)
    let source = pointer
    defer { withExtendedLifetime((storage, weight, bias)) {} }
    let result = Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress, !buffer.isEmpty else { return }
      parallel(shape[0] * groups, cost: channels * area * 4) { parts in
        for part in parts {
          let start = part * channels * area
          let (mean, factor) = moments(source + start, channels * area, epsilon: epsilon)
          for channel in 0..<channels {
            let index = part % groups * channels + channel
            let scale = factor * (weight?.pointer[index] ?? 1)
            let shift = (bias?.pointer[index] ?? 0) - mean * scale
            let (from, to) = (source + start + channel * area, target + start + channel * area)
            msd_affine(from, to, Int64(area), scale, shift)
          }
        }
      }
    }
    let recorded = result.recorded(from: [self] + [weight, bias].compactMap { $0 }) {
      [x = detached, w = weight?.detached, hasWeight = weight != nil, hasBias = bias != nil] derivative in
      let side = [1, x.shape[1]] + [Int](repeating: 1, count: x.rank - 2)
      let parts = normDerivative(
        x, derivative: w.map { derivative * $0.reshaped(side) } ?? derivative, groups: x.shape[0] * groups,
        each: channels * area, epsilon: epsilon)
      let axes = (0..<x.rank).filter { $0 != 1 }
      return [parts.input] + (hasWeight ? [(derivative * parts.normal).sum(axes: axes)] : [])
        + (hasBias ? [derivative.sum(axes: axes)] : [])
    }
    return silu ? recorded.silu() : recorded
  }
}

/// Mean, and one over the deviation, in two passes with double sums.
private func moments(_ values: UnsafePointer<Float>, _ count: Int, epsilon: Float) -> (mean: Float, factor: Float) {
  var (sum, squares) = (0.0, 0.0)
  msd_sum(values, Int64(count), &sum)
  let mean = sum / Double(count)
  msd_squares(values, Int64(count), mean, &squares)
  return (Float(mean), Float(1 / (squares / Double(count) + Double(epsilon)).squareRoot()))
}

/// Derivative of x̂ = (x − mean) / deviation over groups of `each` values that lie together, and x̂ itself.
private func normDerivative(
  _ x: Tensor, derivative: Tensor, groups: Int, each: Int, epsilon: Float
) -> (input: Tensor, normal: Tensor) {
  var normal = Tensor.zeros(x.shape)
  let input = Tensor(shape: x.shape) { buffer in
    normal.withUnsafeMutableBuffer { normal in
      guard let target = buffer.baseAddress, let normal = normal.baseAddress, each > 0 else { return }
      let (source, slope) = (x.pointer, derivative.pointer)
      let places = NormPlaces(target: target, normal: normal, source: source, slope: slope)
      parallel(groups, cost: each * 8) { range in
        for group in range { places.fill(start: group * each, count: each, epsilon: epsilon) }
      }
    }
  }
  withExtendedLifetime((x.storage, derivative.storage)) {}
  return (input, normal)
}

/// Where the derivative of a norm reads and writes.
private struct NormPlaces: @unchecked Sendable {
  let target, normal: UnsafeMutablePointer<Float>
  let source, slope: UnsafePointer<Float>

  func fill(start: Int, count: Int, epsilon: Float) {
    let (mean, factor) = moments(source + start, count, epsilon: epsilon)
    var (sum, along) = (0.0, 0.0)
    for index in start..<start + count {
      normal[index] = (source[index] - mean) * factor
      sum += Double(slope[index])
      along += Double(slope[index]) * Double(normal[index])
    }
    let (shift, tilt) = (Float(sum / Double(count)), Float(along / Double(count)))
    for index in start..<start + count { target[index] = factor * (slope[index] - shift - normal[index] * tilt) }
  }
}
