/// The method of interpolation between the positions of a grid.
public enum ResizeMethod: String, CaseIterable, Sendable {
  /// Linear between neighbours.
  case bilinear
  /// Cubic convolution (Keys, 1981) with a = -0.75.
  case bicubic
}

/// One input position that contributes to an output position along a resized axis, and its weight.
private struct Tap {
  /// Position along the input's axis.
  let index: Int
  let weight: Float
}

extension Tensor {
  /// Resizes the last two axes to `height` × `width` by nearest neighbour: output position i takes the value of input
  /// position ⌊i·in/out⌋.
  public func resizedNearest(height: Int, width: Int) -> Tensor {
    guard rank >= 2, height > 0, width > 0, shape[rank - 2] > 0, shape[rank - 1] > 0 else {
      fail("resizedNearest: \(shape) to \(height) × \(width)")
    }
    let (inputHeight, inputWidth) = (shape[rank - 2], shape[rank - 1])
    let planes = shape.dropLast(2).reduce(1, *)
    let rows = (0..<height).map { min($0 * inputHeight / height, inputHeight - 1) }
    let columns = (0..<width).map { min($0 * inputWidth / width, inputWidth - 1) }
    return withPointers(self) { source in
      Tensor(shape: Array(shape.dropLast(2)) + [height, width]) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(planes * height, cost: width) { range in
          for row in range {
            let from = source + (row / height * inputHeight + rows[row % height]) * inputWidth
            let to = target + row * width
            for column in 0..<width { to[column] = from[columns[column]] }
          }
        }
      }
    }
    .recorded("resizedNearest", from: [self]) { [shape] gradient in
      let rowTaps = rows.map { [Tap(index: $0, weight: 1)] }
      let columnTaps = columns.map { [Tap(index: $0, weight: 1)] }
      return [scatterGradient(gradient, to: shape, rowTaps: rowTaps, columnTaps: columnTaps)]
    }
  }

  /// Resizes the last two axes to `height` × `width`, interpolated as PyTorch does with `align_corners` off and no
  /// antialiasing.
  public func resized(height: Int, width: Int, method: ResizeMethod) -> Tensor {
    guard rank >= 2, height > 0, width > 0, shape[rank - 2] > 0, shape[rank - 1] > 0 else {
      fail("resized: \(shape) to \(height) × \(width)")
    }
    if shape[rank - 2] == height, shape[rank - 1] == width { return self }
    let (inputHeight, inputWidth) = (shape[rank - 2], shape[rank - 1])
    let planes = shape.dropLast(2).reduce(1, *)
    let rowTaps = taps(from: inputHeight, to: height, method)
    let columnTaps = taps(from: inputWidth, to: width, method)
    return withPointers(self) { source in
      Tensor(shape: Array(shape.dropLast(2)) + [height, width]) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(planes * height, cost: width * 16) { range in
          for row in range {
            let plane = source + row / height * inputHeight * inputWidth
            let to = target + row * width
            for column in 0..<width {
              var value: Float = 0
              for vertical in rowTaps[row % height] {
                var line: Float = 0
                for horizontal in columnTaps[column] {
                  line += horizontal.weight * plane[vertical.index * inputWidth + horizontal.index]
                }
                value += vertical.weight * line
              }
              to[column] = value
            }
          }
        }
      }
    }
    .recorded("resized", from: [self]) { [shape] in
      [scatterGradient($0, to: shape, rowTaps: rowTaps, columnTaps: columnTaps)]
    }
  }
}

/// Adds the gradient of every output position, times the weights, to the input positions it was computed from.
private func scatterGradient(
  _ gradient: Tensor, to shape: [Int], rowTaps: [[Tap]], columnTaps: [[Tap]]
) -> Tensor {
  var result = Tensor.zeros(shape)
  let (inputHeight, inputWidth) = (shape[shape.count - 2], shape[shape.count - 1])
  result.withUnsafeMutableBuffer { target in
    gradient.withUnsafeBuffer { source in
      for row in 0..<source.count / max(columnTaps.count, 1) {
        let plane = row / rowTaps.count * inputHeight * inputWidth
        for (column, taps) in columnTaps.enumerated() {
          let value = source[row * columnTaps.count + column]
          for vertical in rowTaps[row % rowTaps.count] {
            for horizontal in taps {
              let position = plane + vertical.index * inputWidth + horizontal.index
              target[position] += value * vertical.weight * horizontal.weight
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
