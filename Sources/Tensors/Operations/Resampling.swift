/// How values between the places of a grid are made up.
public enum ResizeMethod: String, CaseIterable, Sendable {
  /// Straight lines between neighbours.
  case bilinear
  /// Cubic convolution (Keys) with a = -0.75.
  case bicubic
}

extension Tensor {
  /// The last two axes at another size, each place taking the value of the input place it falls in: ⌊i·in/out⌋.
  public func upsampledNearest(height: Int, width: Int) -> Tensor {
    guard rank >= 2, height > 0, width > 0, shape[rank - 2] > 0, shape[rank - 1] > 0 else {
      fail("upsampledNearest: \(shape) to \(height) × \(width)")
    }
    let (tall, wide) = (shape[rank - 2], shape[rank - 1])
    let planes = shape.dropLast(2).reduce(1, *)
    let columns = (0..<width).map { min($0 * wide / width, wide - 1) }
    let source = pointer
    defer { withExtendedLifetime(storage) {} }
    return Tensor(shape: Array(shape.dropLast(2)) + [height, width]) { buffer in
      guard let target = buffer.baseAddress else { return }
      parallel(planes * height, cost: width) { rows in
        for row in rows {
          let from = source + (row / height * tall + min(row % height * tall / height, tall - 1)) * wide
          let to = target + row * width
          for column in 0..<width { to[column] = from[columns[column]] }
        }
      }
    }
    .recorded(from: [self]) { [shape] derivative in
      let down = (0..<height).map { [(min($0 * tall / height, tall - 1), Float(1))] }
      return [spreadBack(derivative, to: shape, down: down, across: columns.map { [($0, Float(1))] })]
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
    let source = pointer
    defer { withExtendedLifetime(storage) {} }
    return Tensor(shape: Array(shape.dropLast(2)) + [height, width]) { buffer in
      guard let target = buffer.baseAddress else { return }
      parallel(planes * height, cost: width * 16) { rows in
        for row in rows {
          let plane = source + row / height * tall * wide
          let to = target + row * width
          for column in 0..<width {
            var value: Float = 0
            for (y, vertical) in down[row % height] {
              var line: Float = 0
              for (x, horizontal) in across[column] { line += horizontal * plane[y * wide + x] }
              value += vertical * line
            }
            to[column] = value
          }
        }
      }
    }
    .recorded(from: [self]) { [shape] in [spreadBack($0, to: shape, down: down, across: across)] }
  }
}

/// Gives the derivative of every output place back to the input places that it drew on, by their weights.
private func spreadBack(
  _ derivative: Tensor, to shape: [Int], down: [[(Int, Float)]], across: [[(Int, Float)]]
) -> Tensor {
  var result = Tensor.zeros(shape)
  let (tall, wide) = (shape[shape.count - 2], shape[shape.count - 1])
  result.withUnsafeMutableBuffer { target in
    derivative.withUnsafeBuffer { source in
      for row in 0..<source.count / max(across.count, 1) {
        let plane = row / down.count * tall * wide
        for (column, taps) in across.enumerated() {
          let value = source[row * across.count + column]
          for (y, vertical) in down[row % down.count] {
            for (x, horizontal) in taps { target[plane + y * wide + x] += value * vertical * horizontal }
          }
        }
      }
    }
  }
  return result
}

/// For each output place, the input places it draws on and their weights.
private func taps(from: Int, to: Int, _ method: ResizeMethod) -> [[(Int, Float)]] {
  let scale = Float(from) / Float(to)
  return (0..<to).map { place in
    let centre = scale * (Float(place) + 0.5) - 0.5
    switch method {
    case .bilinear:
      let position = max(centre, 0)
      let first = min(Int(position), from - 1)
      let fraction = position - Float(first)
      return [(first, 1 - fraction), (min(first + 1, from - 1), fraction)]
    case .bicubic:
      let floor = centre.rounded(.down)
      let t = centre - floor
      let a: Float = -0.75
      let near = { (x: Float) in ((a + 2) * x - (a + 3)) * x * x + 1 }
      let far = { (x: Float) in ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
      let weights = [far(t + 1), near(t), near(1 - t), far(2 - t)]
      return weights.enumerated().map { (min(max(Int(floor) - 1 + $0.offset, 0), from - 1), $0.element) }
    }
  }
}
