extension Tensor {
  /// Two-dimensional convolution (cross-correlation, as in deep learning): [B, I, H, W] gives [B, O, H', W'].
  ///
  /// Patches are laid out as columns for a matrix product, a band of output rows at a time, so that the memory needed
  /// beside the result stays bounded.
  /// - Parameters:
  ///   - weight: [O, I, kh, kw].
  ///   - bias: [O].
  ///   - stride: Step between output places, both ways.
  ///   - padding: Zeros added on all four sides.
  public func conv2d(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0) -> Tensor {
    guard rank == 4, weight.rank == 4, weight.shape[1] == shape[1], bias == nil || bias?.shape == [weight.shape[0]],
      stride > 0, padding >= 0
    else { fail("conv2d: \(shape) does not fit weight \(weight.shape), bias \(bias?.shape ?? [])") }
    let geometry = ConvolutionGeometry(
      channels: shape[1], height: shape[2], width: shape[3], kernelHeight: weight.shape[2],
      kernelWidth: weight.shape[3], stride: stride, padding: padding)
    let outputs = weight.shape[0]
    let area = geometry.outputHeight * geometry.outputWidth
    guard geometry.outputHeight > 0, geometry.outputWidth > 0 else {
      fail("conv2d: a kernel of \(weight.shape) is larger than \(shape) with padding \(padding)")
    }
    let (source, kernel) = (pointer, weight.pointer)
    defer { withExtendedLifetime((storage, weight.storage)) {} }
    return Tensor(shape: [shape[0], outputs, geometry.outputHeight, geometry.outputWidth]) { buffer in
      guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
      if let bias {
        parallel(shape[0] * outputs, cost: area) { planes in
          for plane in planes { (base + plane * area).update(repeating: bias.pointer[plane % outputs], count: area) }
        }
      }
      let beta: Float = bias == nil ? 0 : 1
      for sample in 0..<shape[0] {
        let image = source + sample * shape[1] * shape[2] * shape[3]
        let target = base + sample * outputs * area
        if geometry.isPointwise {
          gemm(
            kernel, shape[1], image, area, into: target, area, rows: outputs, columns: area, inner: shape[1], beta: beta
          )
        } else {
          geometry.forEachBand { rows, columns in
            geometry.layOut(image, rows: rows, into: columns)
            let width = rows.count * geometry.outputWidth
            gemm(
              kernel, geometry.patch, columns, width, into: target + rows.lowerBound * geometry.outputWidth, area,
              rows: outputs, columns: width, inner: geometry.patch, beta: beta)
          }
        }
      }
    }
    .recorded(from: [self, weight] + (bias.map { [$0] } ?? [])) {
      [x = detached, w = weight.detached, wants = [isRecorded, weight.isRecorded, bias?.isRecorded ?? false]] derivative
      in
      [
        wants[0] ? geometry.inputDerivative(derivative, weight: w) : nil,
        wants[1] ? geometry.weightDerivative(derivative, input: x) : nil,
        wants[2] ? derivative.sum(axes: [0, 2, 3]) : nil,
      ]
    }
  }
}

/// Sizes of one convolution, and how its patches are laid out as columns.
struct ConvolutionGeometry {
  let channels, height, width, kernelHeight, kernelWidth, stride, padding: Int

  var outputHeight: Int { (height + 2 * padding - kernelHeight) / stride + 1 }
  var outputWidth: Int { (width + 2 * padding - kernelWidth) / stride + 1 }
  var patch: Int { channels * kernelHeight * kernelWidth }
  var isPointwise: Bool { kernelHeight == 1 && kernelWidth == 1 && stride == 1 && padding == 0 }

  /// Calls `body` with bands of output rows and scratch memory for their columns, at most some 16 MiB of it.
  func forEachBand(_ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void) {
    let rows = max(1, min(outputHeight, (4 << 20) / max(patch * outputWidth, 1)))
    let scratch = Storage(count: patch * rows * outputWidth)
    for start in Swift.stride(from: 0, to: outputHeight, by: rows) {
      body(start..<min(start + rows, outputHeight), scratch.base)
    }
    withExtendedLifetime(scratch) {}
  }

  /// Writes [patch, rows · output width]: for each channel and kernel place, what it meets at each output place.
  func layOut(_ image: UnsafePointer<Float>, rows: Range<Int>, into columns: UnsafeMutablePointer<Float>) {
    let length = rows.count * outputWidth
    parallel(patch, cost: length) { range in
      for entry in range {
        let channel = entry / (kernelHeight * kernelWidth)
        let (ky, kx) = (entry / kernelWidth % kernelHeight, entry % kernelWidth)
        let plane = image + channel * height * width
        var to = columns + entry * length
        for row in rows {
          let y = row * stride + ky - padding
          if y < 0 || y >= height {
            to.update(repeating: 0, count: outputWidth)
          } else {
            let from = plane + y * width
            for column in 0..<outputWidth {
              let x = column * stride + kx - padding
              to[column] = x >= 0 && x < width ? from[x] : 0
            }
          }
          to += outputWidth
        }
      }
    }
  }
}

extension ConvolutionGeometry {
  /// Derivative of the input [B, I, H, W] from that of the result [B, O, H', W'].
  fileprivate func inputDerivative(_ derivative: Tensor, weight: Tensor) -> Tensor {
    let (batch, outputs) = (derivative.shape[0], derivative.shape[1])
    let area = outputHeight * outputWidth
    var result = Tensor.zeros([batch, channels, height, width])
    result.withUnsafeMutableBuffer { buffer in
      guard let base = buffer.baseAddress else { return }
      for sample in 0..<batch {
        let source = derivative.pointer + sample * outputs * area
        let image = base + sample * channels * height * width
        forEachBand { rows, columns in
          let length = rows.count * outputWidth
          gemm(
            weight.pointer, patch, transposingA: true, source + rows.lowerBound * outputWidth, area, into: columns,
            length, rows: patch, columns: length, inner: outputs)
          putBack(columns, rows: rows, into: image)
        }
      }
    }
    withExtendedLifetime((derivative.storage, weight.storage)) {}
    return result
  }

  /// Derivative of the weight [O, I, kh, kw] from that of the result.
  fileprivate func weightDerivative(_ derivative: Tensor, input: Tensor) -> Tensor {
    let (batch, outputs) = (derivative.shape[0], derivative.shape[1])
    let area = outputHeight * outputWidth
    var result = Tensor.zeros([outputs, channels, kernelHeight, kernelWidth])
    result.withUnsafeMutableBuffer { buffer in
      guard let target = buffer.baseAddress else { return }
      for sample in 0..<batch {
        forEachBand { rows, columns in
          layOut(input.pointer + sample * channels * height * width, rows: rows, into: columns)
          let length = rows.count * outputWidth
          gemm(
            derivative.pointer + sample * outputs * area + rows.lowerBound * outputWidth, area, columns, length,
            transposingB: true, into: target, patch, rows: outputs, columns: patch, inner: length, beta: 1)
        }
      }
    }
    withExtendedLifetime((derivative.storage, input.storage)) {}
    return result
  }

  /// Adds columns back to the places of the image that they were laid out from.
  private func putBack(
    _ columns: UnsafePointer<Float>, rows: Range<Int>, into image: UnsafeMutablePointer<Float>
  ) {
    let length = rows.count * outputWidth
    let kernel = kernelHeight * kernelWidth
    parallel(channels, cost: kernel * length) { range in
      for entry in range.lowerBound * kernel..<range.upperBound * kernel {
        let (ky, kx) = (entry / kernelWidth % kernelHeight, entry % kernelWidth)
        let plane = image + entry / kernel * height * width
        var from = columns + entry * length
        for row in rows {
          let y = row * stride + ky - padding
          if y >= 0, y < height {
            for column in 0..<outputWidth {
              let x = column * stride + kx - padding
              if x >= 0, x < width { plane[y * width + x] += from[column] }
            }
          }
          from += outputWidth
        }
      }
    }
  }
}
