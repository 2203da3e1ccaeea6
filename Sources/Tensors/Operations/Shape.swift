extension Tensor {
  /// The values with a different shape; a length of -1 is computed from the others. Nothing is copied.
  public func reshaped(_ shape: [Int]) -> Tensor {
    var resolved = shape
    if let open = shape.firstIndex(of: -1) {
      let known = elementCount(shape.enumerated().filter { $0.offset != open }.map(\.element))
      guard known > 0, count % known == 0 else { fail("reshaped: \(self.shape) does not fit \(shape)") }
      resolved[open] = count / known
    }
    guard elementCount(resolved) == count else { fail("reshaped: \(self.shape) does not fit \(shape)") }
    return Tensor(shape: resolved, storage: storage)
      .recorded("reshaped", from: [self]) { [shape = self.shape] in [$0.reshaped(shape)] }
  }

  /// Reorders the axes: axis `i` of the result is axis `axes[i]` of this tensor.
  public func permuted(_ axes: [Int]) -> Tensor {
    guard axes.sorted() == Array(0..<rank) else { fail("permuted: \(axes) does not order the axes of \(shape)") }
    if axes == Array(0..<rank) { return self }
    let strides = rowMajorStrides(shape)
    let back = axes.indices.map { axis in axes.firstIndex(of: axis) ?? 0 }
    return strided(shape: axes.map { shape[$0] }, strides: axes.map { strides[$0] })
      .recorded("permuted", from: [self]) { [$0.permuted(back)] }
  }

  /// Exchanges the last two axes.
  public func transposed() -> Tensor {
    guard rank >= 2 else { fail("transposed: expected two axes or more, found shape \(shape)") }
    return permuted(Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  /// Copies values into a different shape, reading from offset `start` with the given strides (0 repeats a value).
  func strided(shape: [Int], strides: [Int], start: Int = 0) -> Tensor {
    withPointers(self) { base in
      Tensor(shape: shape) { buffer in
        guard let target = buffer.baseAddress, !buffer.isEmpty else { return }
        let source = base + start
        guard let columns = shape.last else {
          target[0] = source[0]
          return
        }
        let rows = buffer.count / columns
        let step = strides[strides.count - 1]
        let outer = Array(shape.dropLast())
        parallel(rows, cost: columns) { range in
          var index = unravelled(range.lowerBound, outer)
          var offset = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
          for row in range {
            let from = source + offset
            let to = target + row * columns
            if step == 1 {
              to.update(from: from, count: columns)
            } else {
              for column in 0..<columns { to[column] = from[column * step] }
            }
            advance(&index, in: outer, offset: &offset, strides: strides)
          }
        }
      }
    }
  }

  /// The entries of one axis whose indices are in `range`.
  public func sliced(axis: Int, _ range: Range<Int>) -> Tensor {
    guard axis >= 0, axis < rank, range.lowerBound >= 0, range.upperBound <= shape[axis] else {
      fail("sliced: \(range) of axis \(axis) lies outside shape \(shape)")
    }
    if range == 0..<shape[axis] { return self }
    let inner = shape[(axis + 1)...].reduce(1, *)
    let outer = shape[..<axis].reduce(1, *)
    let length = range.count * inner
    var result = shape
    result[axis] = range.count
    return withPointers(self) { base in
      Tensor(shape: result) { buffer in
        guard let target = buffer.baseAddress else { return }
        let source = base + range.lowerBound * inner
        parallel(outer, cost: length) { rows in
          for row in rows {
            (target + row * length).update(from: source + row * shape[axis] * inner, count: length)
          }
        }
      }
    }
    .recorded("sliced", from: [self]) { [shape] gradient in
      var sides = [shape, shape]
      sides[0][axis] = range.lowerBound
      sides[1][axis] = shape[axis] - range.upperBound
      return [.concatenated([.zeros(sides[0]), gradient, .zeros(sides[1])], axis: axis)]
    }
  }

  /// The entries of one axis at `indices`, in that order; an index may occur several times.
  public func gathered(axis: Int, _ indices: [Int]) -> Tensor {
    guard axis >= 0, axis < rank, indices.allSatisfy({ $0 >= 0 && $0 < shape[axis] }) else {
      fail("gathered: indices of axis \(axis) lie outside shape \(shape): \(indices.prefix(8))")
    }
    let inner = shape[(axis + 1)...].reduce(1, *)
    let outer = shape[..<axis].reduce(1, *)
    var result = shape
    result[axis] = indices.count
    return withPointers(self) { source in
      Tensor(shape: result) { buffer in
        guard var target = buffer.baseAddress else { return }
        for row in 0..<outer {
          for index in indices {
            target.update(from: source + (row * shape[axis] + index) * inner, count: inner)
            target += inner
          }
        }
      }
    }
    .recorded("gathered", from: [self]) { [shape] gradient in
      var result = Tensor.zeros(shape)
      result.withUnsafeMutableBuffer { buffer in
        gradient.withUnsafeBuffer { values in
          for row in 0..<outer {
            for (position, index) in indices.enumerated() {
              let (to, from) = ((row * shape[axis] + index) * inner, (row * indices.count + position) * inner)
              for offset in 0..<inner { buffer[to + offset] += values[from + offset] }
            }
          }
        }
      }
      return [result]
    }
  }

  /// One axis split into parts of the given sizes, which must add up to its length.
  public func split(axis: Int, sizes: [Int]) -> [Tensor] {
    guard axis >= 0, axis < rank, sizes.reduce(0, +) == shape[axis] else {
      fail("split: sizes \(sizes) do not fill axis \(axis) of \(shape)")
    }
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return sliced(axis: axis, start..<start + size)
    }
  }

  /// Axes of length 1 (and missing leading ones) repeated to fill `shape`, as NumPy does.
  public func broadcast(to shape: [Int]) -> Tensor {
    if shape == self.shape { return self }
    return strided(shape: shape, strides: broadcastStrides(from: self.shape, to: shape, operation: "broadcast"))
      .recorded("broadcast", from: [self]) { [own = self.shape] in [$0.summed(to: own)] }
  }

  /// Every entry of one axis `count` times in a row: a a b b.
  public func repeated(axis: Int, count: Int) -> Tensor {
    guard axis >= 0, axis < rank, count >= 0 else { fail("repeated: no axis \(axis) in \(shape)") }
    if count == 1 { return self }
    return gathered(axis: axis, (0..<shape[axis]).flatMap { [Int](repeating: $0, count: count) })
  }

  /// Joins tensors along an existing axis; the other axes must agree.
  public static func concatenated(_ tensors: [Tensor], axis: Int) -> Tensor {
    guard let first = tensors.first else { fail("concatenated: no tensors") }
    if tensors.count == 1 { return first }
    var shape = first.shape
    guard axis >= 0, axis < shape.count else { fail("concatenated: no axis \(axis) in \(shape)") }
    shape[axis] = 0
    for tensor in tensors {
      var others = tensor.shape
      guard others.count == shape.count else {
        fail("concatenated along axis \(axis): shapes \(tensors.map(\.shape)) disagree")
      }
      others[axis] = shape[axis]
      guard others == shape else { fail("concatenated along axis \(axis): shapes \(tensors.map(\.shape)) disagree") }
      shape[axis] += tensor.shape[axis]
    }
    let inner = shape[(axis + 1)...].reduce(1, *)
    let outer = shape[..<axis].reduce(1, *)
    let row = shape[axis] * inner
    return Tensor(shape: shape) { buffer in
      guard let base = buffer.baseAddress else { return }
      var start = 0
      for tensor in tensors {
        let length = tensor.shape[axis] * inner
        tensor.withUnsafeBuffer { source in
          guard let from = source.baseAddress else { return }
          for index in 0..<outer { (base + index * row + start).update(from: from + index * length, count: length) }
        }
        start += length
      }
    }
    .recorded("concatenated", from: tensors) { [sizes = tensors.map { $0.shape[axis] }] in
      $0.split(axis: axis, sizes: sizes)
    }
  }

  /// Joins tensors of equal shape along a new axis.
  public static func stacked(_ tensors: [Tensor], axis: Int) -> Tensor {
    concatenated(
      tensors.map { tensor in
        guard axis >= 0, axis <= tensor.rank else { fail("stacked: cannot insert axis \(axis) into \(tensor.shape)") }
        return tensor.reshaped(Array(tensor.shape[..<axis]) + [1] + Array(tensor.shape[axis...]))
      }, axis: axis)
  }

  /// Adds a border of `value` around the last two axes.
  public func padded(top: Int, left: Int, bottom: Int, right: Int, value: Float = 0) -> Tensor {
    guard rank >= 2, min(top, left, bottom, right) >= 0 else { fail("padded: cannot pad \(shape)") }
    if max(top, left, bottom, right) == 0 { return self }
    let (height, width) = (shape[rank - 2], shape[rank - 1])
    let (tall, wide) = (height + top + bottom, width + left + right)
    let planes = shape.dropLast(2).reduce(1, *)
    var result = Tensor(repeating: value, shape: Array(shape.dropLast(2)) + [tall, wide])
    withUnsafeBuffer { source in
      result.withUnsafeMutableBuffer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        for plane in 0..<planes {
          for y in 0..<height {
            (to + (plane * tall + y + top) * wide + left).update(
              from: from + (plane * height + y) * width, count: width)
          }
        }
      }
    }
    return result.recorded("padded", from: [self]) { gradient in
      let rank = gradient.rank
      return [gradient.sliced(axis: rank - 2, top..<top + height).sliced(axis: rank - 1, left..<left + width)]
    }
  }
}

/// Strides that read a tensor of shape `from` as if it were broadcast to shape `to`.
func broadcastStrides(from: [Int], to: [Int], operation: String) -> [Int] {
  guard from.count <= to.count else { fail("\(operation): \(from) does not broadcast to \(to)") }
  let missing = to.count - from.count
  let strides = rowMajorStrides(from)
  return to.indices.map { axis in
    guard axis >= missing else { return 0 }
    let length = from[axis - missing]
    guard length == to[axis] || length == 1 else { fail("\(operation): \(from) does not broadcast to \(to)") }
    return length == 1 ? 0 : strides[axis - missing]
  }
}

/// One index per axis for a position in row-major order.
func unravelled(_ position: Int, _ shape: [Int]) -> [Int] {
  var rest = position
  var index = [Int](repeating: 0, count: shape.count)
  for axis in shape.indices.reversed() where shape[axis] > 0 {
    index[axis] = rest % shape[axis]
    rest /= shape[axis]
  }
  return index
}

/// Advances the index by one position in row-major order, and `offset` with it by `strides`.
@inline(__always)
func advance(_ index: inout [Int], in shape: [Int], offset: inout Int, strides: [Int]) {
  var axis = shape.count - 1
  while axis >= 0 {
    index[axis] += 1
    offset += strides[axis]
    if index[axis] < shape[axis] { return }
    offset -= strides[axis] * shape[axis]
    index[axis] = 0
    axis -= 1
  }
}
