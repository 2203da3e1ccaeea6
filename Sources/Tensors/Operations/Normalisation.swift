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
    return withPointers(self, weight, bias) { source, weight, bias in
      Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress, columns > 0 else { return }
        parallel(buffer.count / columns, cost: columns * 4) { rows in
          msd_layer_norm(
            source + rows.lowerBound * columns, target + rows.lowerBound * columns, Int64(rows.count), Int64(columns),
            weight, bias, epsilon)
        }
      }
    }
    .recorded("layerNorm", from: [self] + [weight, bias].compactMap { $0 }) {
      [shape, x = detached, weight = weight?.detached, hasBias = bias != nil] gradient in
      let (ofWeight, ofBias) = (Storage(zeros: weight == nil ? 0 : columns), Storage(zeros: hasBias ? columns : 0))
      let ofInput = withPointers(x, gradient, weight, ofWeight, ofBias) { x, gradient, weight, ofWeight, ofBias in
        Tensor(shape: shape) { buffer in
          guard let target = buffer.baseAddress, columns > 0 else { return }
          msd_layer_norm_gradient(
            x, gradient, target, Int64(buffer.count / columns), Int64(columns), weight, weight == nil ? nil : ofWeight,
            hasBias ? ofBias : nil, epsilon)
        }
      }
      return [ofInput] + (weight == nil ? [] : [Tensor(shape: [columns], storage: ofWeight)])
        + (hasBias ? [Tensor(shape: [columns], storage: ofBias)] : [])
    }
  }

  /// Group normalisation of [B, C, ...]: the channels divided into `groups`, each normalised over its channels and
  /// positions together.
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
    let norm = GroupNormalisation(shape: shape, groups: groups, epsilon: epsilon, silu: silu)
    return norm.result(self, weight: weight, bias: bias)
      .recorded("groupNorm", from: [self] + [weight, bias].compactMap { $0 }) {
        [x = detached, weight = weight?.detached, bias = bias?.detached] gradient in
        norm.gradients(gradient, input: x, weight: weight, bias: bias)
      }
  }
}

/// One group normalisation over [B, C, ...].
private struct GroupNormalisation {
  let shape: [Int]
  let groups: Int
  let epsilon: Float
  let silu: Bool

  /// Channels per group.
  var channels: Int { shape[1] / groups }
  /// Positions per channel.
  var area: Int { shape.dropFirst(2).reduce(1, *) }

  func result(_ input: Tensor, weight: Tensor?, bias: Tensor?) -> Tensor {
    let (channels, area) = (channels, area)
    return withPointers(input, weight, bias) { source, weight, bias in
      Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress, !buffer.isEmpty else { return }
        parallel(shape[0] * groups, cost: channels * area * 4) { parts in
          for part in parts {
            let start = part * channels * area
            let (mean, factor) = moments(source + start, channels * area)
            for channel in 0..<channels {
              let index = part % groups * channels + channel
              let scale = factor * (weight?[index] ?? 1)
              let shift = (bias?[index] ?? 0) - mean * scale
              let (from, to) = (source + start + channel * area, target + start + channel * area)
              (silu ? msd_affine_silu : msd_affine)(from, to, Int64(area), scale, shift)
            }
          }
        }
      }
    }
  }

  /// Gradients of the input, and of weight and bias if present. Each group is handled by one thread, so that
  /// the sums over samples need no lock.
  func gradients(_ gradient: Tensor, input: Tensor, weight: Tensor?, bias: Tensor?) -> [Tensor?] {
    let (channels, area) = (channels, area)
    let (ofWeight, ofBias) = (Storage(zeros: shape[1]), Storage(zeros: shape[1]))
    let ofInput = withPointers(input, gradient, weight, bias, ofWeight, ofBias) {
      source, gradient, weight, bias, ofWeight, ofBias in
      Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress, !buffer.isEmpty else { return }
        parallel(groups, cost: buffer.count / groups * 8) { range in
          for group in range {
            for sample in 0..<shape[0] {
              let start = (sample * groups + group) * channels * area
              let (mean, factor) = moments(source + start, channels * area)
              let first = group * channels
              msd_group_norm_gradient(
                source + start, gradient + start, target + start, Int64(channels), Int64(area), mean, factor,
                weight.map { $0 + first }, bias.map { $0 + first }, silu ? 1 : 0, ofWeight + first, ofBias + first)
            }
          }
        }
      }
    }
    return [ofInput] + (weight == nil ? [] : [Tensor(shape: [shape[1]], storage: ofWeight)])
      + (bias == nil ? [] : [Tensor(shape: [shape[1]], storage: ofBias)])
  }

  /// Mean and 1/√(variance + ε), in two passes with double-precision sums.
  private func moments(_ values: UnsafePointer<Float>, _ count: Int) -> (mean: Float, factor: Float) {
    var (sum, squares) = (0.0, 0.0)
    msd_sum(values, Int64(count), &sum)
    let mean = sum / Double(count)
    msd_squares(values, Int64(count), mean, &squares)
    return (Float(mean), Float(1 / (squares / Double(count) + Double(epsilon)).squareRoot()))
  }
}
