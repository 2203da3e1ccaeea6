import CKernels

extension Tensor {
  /// Combines values over `axes` (nil: all of them), one after another in double precision, beginning with `start`.
  @inline(__always)
  private func reduced(
    _ axes: [Int]?, keepingAxes: Bool, name: String, start: Double, divisor: Double = 1,
    _ combine: (Double, Double) -> Double
  ) -> Tensor {
    let axes = axes ?? Array(0..<rank)
    guard axes.allSatisfy({ $0 >= 0 && $0 < rank }) else { fail("\(name): no axes \(axes) in \(shape)") }
    let kept = shape.indices.filter { !axes.contains($0) }
    let strides = rowMajorStrides(shape)
    let outer = kept.map { shape[$0] }
    let inner = axes.sorted().map { shape[$0] }
    let innerStrides = axes.sorted().map { strides[$0] }
    let outerStrides = kept.map { strides[$0] }
    let each = inner.reduce(1, *)
    let result = withPointers(self) { source in
      Tensor(shape: outer) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(buffer.count, cost: each) { range in
          for position in range {
            let first = zip(unravelled(position, outer), outerStrides).reduce(0) { $0 + $1.0 * $1.1 }
            var value = start
            if each > 0 {
              let length = inner.last ?? 1
              let step = innerStrides.last ?? 1
              let rows = Array(inner.dropLast())
              var index = [Int](repeating: 0, count: rows.count)
              var offset = first
              for _ in 0..<each / length {
                for column in 0..<length { value = combine(value, Double(source[offset + column * step])) }
                advance(&index, in: rows, offset: &offset, strides: innerStrides)
              }
            }
            target[position] = Float(value / divisor)
          }
        }
      }
    }
    return keepingAxes ? result.reshaped(shape.indices.map { axes.contains($0) ? 1 : shape[$0] }) : result
  }

  /// Sum over `axes` (nil: all), added up in double precision.
  public func sum(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    added(axes, keepingAxes: keepingAxes, name: "sum", divisor: 1)
      .recorded("sum", from: [self]) { [shape] in [$0.reshaped(Self.kept(shape, axes)).broadcast(to: shape)] }
  }

  /// Sum over `axes` divided by a number. If the axes are the last ones, values are contiguous and a kernel adds them up.
  private func added(_ axes: [Int]?, keepingAxes: Bool, name: String, divisor: Double) -> Tensor {
    let leading = rank - (axes ?? Array(0..<rank)).count
    guard leading >= 0, (axes ?? Array(0..<rank)).sorted() == Array(leading..<rank) else {
      return reduced(axes, keepingAxes: keepingAxes, name: name, start: 0, divisor: divisor) { $0 + $1 }
    }
    let outer = Array(shape.prefix(leading))
    let each = shape.dropFirst(leading).reduce(1, *)
    return withPointers(self) { source in
      Tensor(shape: keepingAxes ? Self.kept(shape, axes) : outer) { buffer in
        guard let target = buffer.baseAddress else { return }
        parallel(buffer.count, cost: each) { range in
          for position in range {
            var sum = 0.0
            msd_sum(source + position * each, Int64(each), &sum)
            target[position] = Float(sum / divisor)
          }
        }
      }
    }
  }

  /// The sums of the columns of [..., C], in float32.
  func columnSums() -> Tensor {
    let columns = shape.last ?? 1
    let sums = Storage(zeros: columns)
    withPointers(self, sums) { msd_column_sums($0, $1, Int64(count / max(columns, 1)), Int64(columns)) }
    return Tensor(shape: [columns], storage: sums)
  }

  /// The shape with each reduced axis shortened to length 1.
  private static func kept(_ shape: [Int], _ axes: [Int]?) -> [Int] {
    shape.indices.map { axes?.contains($0) ?? true ? 1 : shape[$0] }
  }

  /// Mean over `axes` (nil: all); NaN over no values.
  public func mean(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let number = Double((axes ?? Array(0..<rank)).map { shape[$0] }.reduce(1, *))
    return added(axes, keepingAxes: keepingAxes, name: "mean", divisor: number)
      .recorded("mean", from: [self]) { [shape] in
        [($0 / Float(number)).reshaped(Self.kept(shape, axes)).broadcast(to: shape)]
      }
  }

  /// Largest value over `axes` (nil: all); NaN if any value is NaN; minus infinity over no values.
  public func maximum(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    notDifferentiable("maximum").reduced(axes, keepingAxes: keepingAxes, name: "maximum", start: -.infinity) {
      $0.isNaN || $0 > $1 ? $0 : $1
    }
  }

  /// Smallest value over `axes` (nil: all); NaN if any value is NaN; infinity over no values.
  public func minimum(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    notDifferentiable("minimum").reduced(axes, keepingAxes: keepingAxes, name: "minimum", start: .infinity) {
      $0.isNaN || $0 < $1 ? $0 : $1
    }
  }

  /// Returns this tensor; stops the program if it is recorded, because the operation has no gradient.
  private func notDifferentiable(_ name: String) -> Tensor {
    if isRecorded { fail("\(name): has no gradient; detach the tensor if none is needed") }
    return self
  }

  /// Position of the largest value in row-major order; of equal values, the first.
  public func argMax() -> Int {
    withUnsafeBuffer { buffer in
      guard var best = buffer.indices.first else { fail("argMax: no values in shape \(shape)") }
      for index in buffer.indices where buffer[index] > buffer[best] { best = index }
      return best
    }
  }

  /// Softmax along the last axis.
  public func softmax() -> Tensor {
    guard let columns = shape.last else { fail("softmax: a single number has no axis") }
    var result = detached
    result.withUnsafeMutableBuffer { buffer in
      guard let base = buffer.baseAddress, columns > 0 else { return }
      parallel(buffer.count / columns, cost: columns * 8) { rows in
        msd_softmax(base + rows.lowerBound * columns, Int64(rows.count), Int64(columns))
      }
    }
    let probabilities = result
    return result.recorded("softmax", from: [self]) { gradient in
      var ofInput = gradient.detached
      ofInput.withUnsafeMutableBuffer { buffer in
        guard let base = buffer.baseAddress, columns > 0 else { return }
        withPointers(probabilities) { probabilities in
          parallel(buffer.count / columns, cost: columns * 4) { rows in
            let start = rows.lowerBound * columns
            msd_softmax_gradient(probabilities + start, base + start, Int64(rows.count), Int64(columns), 1)
          }
        }
      }
      return [ofInput]
    }
  }
}
