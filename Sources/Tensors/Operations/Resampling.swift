/// How values between the positions of a grid are interpolated.
public enum ResizeMethod: String, CaseIterable, Sendable {
  /// Linear between neighbours.
  case bilinear
  /// Cubic convolution (Keys, 1981) with a = -0.75.
  case bicubic
}

/// An input position from which an output position of a resized axis is computed, and its weight.
private struct Tap {
  /// Position along the input's axis.
  let index: Int
  let weight: Float
}

extension Tensor {
  /// The last two axes at another size; each output position i takes the value of the input position ⌊i·in/out⌋.
  public func upsampledNearest(height: Int, width: Int) -> Tensor {
    guard rank >= 2, height > 0, width > 0, shape[rank - 2] > 0, shape[rank - 1] > 0 else {
      fail("upsampledNearest: \(shape) to \(height) × \(width)")
    }
    let (tall, wide) = (shape[rank - 2], shape[rank - 1])
    let planes = shape.dropLast(2).reduce(1, *)
    let rows = (0..<height).map { min($0 * tall / height, tall - 1) }
    let columns = (0..<width).map { min($0 * wide / width, wide - 1) }
    return withPointers(self) { source in
      Tensor(shape: Array(shape.dropLast(2)) + [height, width]) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(planes * height, cost: width) { range in
          for row in range {
            let from = source + (row / height * tall + rows[row % height]) * wide
            let to = target + row * width
            for column in 0..<width { to[column] = from[columns[column]] }
          }
        }
      }
    }
    .recorded("upsampledNearest", from: [self]) { [shape] gradient in
      let down = rows.map { [Tap(index: $0, weight: 1)] }
      return [spreadBack(gradient, to: shape, down: down, across: columns.map { [Tap(index: $0, weight: 1)] })]
    }
  }

  /// The last two axes at another size, interpolated as PyTorch does with `align_corners` off and no antialiasing.
  public func resized(height: Int, width: Int, method: ResizeMethod) -> Tensor {
    guard rank >= 2, height > 0, width > 0, shape[rank - 2] > 0, shape[rank - 1] > 0 else {
      fail("resized: \(shape) to \(height) × \(width)")
    }
    if shape[rank - 2] == height, shape[rank - 1] == width { return self }
    let (tall, wide) = (shape[rank - 2], shape[rank - 1])
    let planes = shape.dropLast(2).reduce(1, *)
    let down = taps(from: tall, to: height, method)
    let across = taps(from: wide, to: width, method)
    return withPointers(self) { source in
      Tensor(shape: Array(shape.dropLast(2)) + [height, width]) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(planes * height, cost: width * 16) { range in
          for row in range {
            let plane = source + row / height * tall * wide
            let to = target + row * width
            for column in 0..<width {
              var value: Float = 0
              for vertical in down[row % height] {
                var line: Float = 0
                for horizontal in across[column] {
                  line += horizontal.weight * plane[vertical.index * wide + horizontal.index]
                }
                value += vertical.weight * line
              }
              to[column] = value
            }
          }
        }
      }
    }
    .recorded("resized", from: [self]) { [shape] in [spreadBack($0, to: shape, down: down, across: across)] }
  }
}

/// Adds the gradient of every output position to the input positions it was computed from, times their weights.
private func spreadBack(_ gradient: Tensor, to shape: [Int], down: [[Tap]], across: [[Tap]]) -> Tensor {
  var result = Tensor.zeros(shape)
  let (tall, wide) = (shape[shape.count - 2], shape[shape.count - 1])
  result.withUnsafeMutableBuffer { target in
    gradient.withUnsafeBuffer { source in
      for row in 0..<source.count / max(across.count, 1) {
        let plane = row / down.count * tall * wide
        for (column, taps) in across.enumerated() {
          let value = source[row * across.count + column]
          for vertical in down[row % down.count] {
            for horizontal in taps {
              target[plane + vertical.index * wide + horizontal.index] += value * vertical.weight * horizontal.weight
            }
          }
        }
      }
    }
  }
  return result
}

/// For each output position, the input positions from which it is computed.
private func taps(from: Int, to: Int, _ method: ResizeMethod) -> [[Tap]] {
  let scale = Float(from) / Float(to)
  return (0..<to).map { output in
    let centre = scale * (Float(output) + 0.5) - 0.5
    switch method {
    case .bilinear:
      let position = max(centre, 0)
      let first = min(Int(position), from - 1)
      let fraction = position - Float(first)
      return [Tap(index: first, weight: 1 - fraction), Tap(index: min(first + 1, from - 1), weight: fraction)]
    case .bicubic:
      let floor = centre.rounded(.down)
      let t = centre - floor
      let a: Float = -0.75
      let near = { (x: Float) in ((a + 2) * x - (a + 3)) * x * x + 1 }
      let far = { (x: Float) in ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
      let weights = [far(t + 1), near(t), near(1 - t), far(2 - t)]
      return weights.enumerated().map { offset, weight in
        Tap(index: min(max(Int(floor) - 1 + offset, 0), from - 1), weight: weight)
      }
    }
  }
}
