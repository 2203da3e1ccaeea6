extension Tensor {
  /// A tensor with each value computed from its position in row-major order, by several threads.
  package static func filled(_ shape: [Int], _ value: (Int) -> Float) -> Tensor {
    Tensor(shape: shape) { buffer in
      guard let target = buffer.baseAddress else { return }
      parallel(buffer.count, cost: 4) { range in
        for index in range { target[index] = value(index) }
      }
    }
  }
}
