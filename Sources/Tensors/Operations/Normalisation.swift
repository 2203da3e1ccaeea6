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
      [x = detached, w = weight?.detached, hasBias = bias != nil] derivative in
      var weightSlope = Tensor.zeros([w == nil ? 0 : columns])
      var biasSlope = Tensor.zeros([hasBias ? columns : 0])
      let input = Tensor(shape: x.shape) { buffer in
        guard let target = buffer.baseAddress, columns > 0 else { return }
        weightSlope.withUnsafeMutableBuffer { weightSlope in
          biasSlope.withUnsafeMutableBuffer { biasSlope in
            msd_layer_norm_slope(
              x.pointer, derivative.pointer, target, Int64(x.count / columns), Int64(columns), w?.pointer,
              w == nil ? nil : weightSlope.baseAddress, hasBias ? biasSlope.baseAddress : nil, epsilon)
          }
        }
        withExtendedLifetime((x.storage, derivative.storage, w?.storage)) {}
      }
      return [input] + (w == nil ? [] : [weightSlope]) + (hasBias ? [biasSlope] : [])
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
            if silu { msd_silu(to, to, Int64(area)) }
          }
        }
      }
    }
    return result.recorded(from: [self] + [weight, bias].compactMap { $0 }) {
      [x = detached, w = weight?.detached, b = bias?.detached] derivative in
      let slopes = NormSlopes(input: x, derivative: derivative, weight: w, bias: b, groups: groups, channels: channels)
      let input = slopes.fill(area: area, epsilon: epsilon, silu: silu)
      return [input] + (w == nil ? [] : [slopes.weightSlope]) + (b == nil ? [] : [slopes.biasSlope])
    }
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

/// The derivatives of one group norm over [B, C, ...].
private struct NormSlopes {
  let input, derivative: Tensor
  let weight, bias: Tensor?
  let groups, channels: Int
  let weightSlope, biasSlope: Tensor

  init(input: Tensor, derivative: Tensor, weight: Tensor?, bias: Tensor?, groups: Int, channels: Int) {
    (self.input, self.derivative, self.weight, self.bias) = (input, derivative, weight, bias)
    (self.groups, self.channels) = (groups, channels)
    weightSlope = .zeros([groups * channels])
    biasSlope = .zeros([groups * channels])
  }

  /// The derivative of the input; those of weight and bias are added up beside it, each group's by one thread.
  func fill(area: Int, epsilon: Float, silu: Bool) -> Tensor {
    Tensor(shape: input.shape) { buffer in
      guard let target = buffer.baseAddress, !buffer.isEmpty else { return }
      let (source, slope) = (input.pointer, derivative.pointer)
      let each = channels * area
      parallel(groups, cost: input.count / groups * 8) { range in
        for group in range {
          for sample in 0..<input.shape[0] {
            let start = (sample * groups + group) * each
            let (mean, factor) = moments(source + start, each, epsilon: epsilon)
            let first = group * channels
            msd_group_norm_slope(
              source + start, slope + start, target + start, Int64(channels), Int64(area), mean, factor,
              weight.map { $0.pointer + first }, bias.map { $0.pointer + first }, silu ? 1 : 0,
              weightSlope.storage.base + first, biasSlope.storage.base + first)
          }
        }
      }
      withExtendedLifetime(self) {}
    }
  }
}
