import CKernels

extension Tensor {
  /// Two-dimensional convolution (cross-correlation, as usual in deep learning): [B, I, H, W] to [B, O, H', W'].
  ///
  /// Patches are laid out as columns for a matrix product, a band of output rows at a time, so that the additional
  /// memory is bounded. Samples with few output positions share one product.
  /// - Parameters:
  ///   - weight: [O, I, kh, kw].
  ///   - bias: [O].
  ///   - stride: Step between output positions, in both directions.
  ///   - padding: Zeros added on all four sides.
  public func conv2d(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0) -> Tensor {
    conv2d(weight: .tensor(weight), bias: bias, stride: stride, padding: padding)
  }

  /// Two-dimensional convolution with a weight in the type that its file stores.
  public func conv2d(weight: Weight, bias: Tensor?, stride: Int = 1, padding: Int = 0) -> Tensor {
    let kernel = weight.shape
    guard rank == 4, kernel.count == 4, kernel[1] == shape[1], bias == nil || bias?.shape == [kernel[0]],
      stride > 0, padding >= 0
    else { fail("conv2d: \(shape) does not fit weight \(kernel), bias \(bias?.shape ?? [])") }
    let geometry = ConvolutionGeometry(
      samples: shape[0], channels: shape[1], height: shape[2], width: shape[3], outputs: kernel[0],
      kernelHeight: kernel[2], kernelWidth: kernel[3], stride: stride, padding: padding)
    guard geometry.outputHeight > 0, geometry.outputWidth > 0 else {
      fail("conv2d: a kernel of \(kernel) is larger than \(shape) with padding \(padding)")
    }
    let winograd = WinogradConvolution(geometry)
    let result =
      winograd?.result(self, weight: weight, bias: bias)
      ?? geometry.result(self, weight: weight.tensor, bias: bias)
    let trained = weight.trained
    return result.recorded("conv2d", from: [self] + [trained, bias].compactMap { $0 }) {
      [
        x = detached, weight = weight.detached, hasBias = bias != nil, hasWeight = trained != nil,
        wants = [isRecorded, trained?.isRecorded ?? false, bias?.isRecorded ?? false]
      ] gradient in
      let ofInput =
        wants[0]
        ? winograd?.inputGradient(gradient, weight: weight)
          ?? geometry.inputGradient(gradient, weight: weight.tensor) : nil
      let ofWeight =
        wants[1]
        ? winograd?.weightGradient(gradient, input: x) ?? geometry.weightGradient(gradient, input: x) : nil
      return [ofInput] + (hasWeight ? [ofWeight] : [])
        + (hasBias ? [wants[2] ? geometry.biasGradient(gradient) : nil] : [])
    }
  }
}

/// Sizes of one convolution, and how its patches are laid out as columns.
struct ConvolutionGeometry {
  let samples, channels, height, width, outputs, kernelHeight, kernelWidth, stride, padding: Int

  var outputHeight: Int { (height + 2 * padding - kernelHeight) / stride + 1 }
  var outputWidth: Int { (width + 2 * padding - kernelWidth) / stride + 1 }
  var area: Int { outputHeight * outputWidth }
  var inputArea: Int { height * width }
  var kernel: Int { kernelHeight * kernelWidth }
  var patch: Int { channels * kernel }
  var isPointwise: Bool { kernel == 1 && stride == 1 && padding == 0 }

  /// The positions that one matrix product covers: some output rows of one sample, or several whole samples.
  struct Band {
    let samples: Range<Int>
    let rows: Range<Int>
    /// Output positions of each sample.
    let length: Int
    /// Total number of output positions: columns of the product.
    var columns: Int { samples.count * length }
  }

  /// Bands whose columns take about 16 MiB at most; samples with fewer than 256 output positions share a band.
  var bands: [Band] {
    let rows = max(1, min(outputHeight, (4 << 20) / max(patch * outputWidth, 1)))
    if rows < outputHeight || area >= 256 {
      return (0..<samples).flatMap { sample in
        Swift.stride(from: 0, to: outputHeight, by: rows).map { start in
          let rows = start..<min(start + rows, outputHeight)
          return Band(samples: sample..<sample + 1, rows: rows, length: rows.count * outputWidth)
        }
      }
    }
    let together = max(1, min(samples, (512 + area - 1) / area, (4 << 20) / max(patch * area, 1)))
    return Swift.stride(from: 0, to: samples, by: together).map { start in
      Band(samples: start..<min(start + together, samples), rows: 0..<outputHeight, length: area)
    }
  }

  /// Calls `body` for each band, with scratch memory for its columns [patch, band.columns] and for its results
  /// [outputs, band.columns]. The latter is empty unless a band holds several samples.
  func forEachBand(_ body: (Band, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void) {
    let bands = bands
    let widest = bands.map(\.columns).max() ?? 0
    let columns = Storage(count: patch * widest)
    let results = Storage(count: bands.contains { $0.samples.count > 1 } ? outputs * widest : 0)
    withPointers(columns, results) { columns, results in
      for band in bands { body(band, columns, results) }
    }
  }

  func result(_ input: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
    withPointers(input, weight, bias) { source, kernel, bias in
      Tensor(shape: [samples, outputs, outputHeight, outputWidth]) { buffer in
        guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
        if let bias {
          parallel(samples * outputs, cost: area) { planes in
            for plane in planes { (base + plane * area).update(repeating: bias[plane % outputs], count: area) }
          }
        }
        if isPointwise && area >= 64 {
          fillPointwise(base, source, kernel, addsToBias: bias != nil)
        } else {
          forEachBand { band, columns, results in
            layOut(source, band, into: columns)
            fill(base, band, columns, kernel, scratch: results, addsToBias: bias != nil)
          }
        }
      }
    }
  }

  /// A convolution with a 1×1 kernel: one matrix product per sample, with the input in place.
  private func fillPointwise(
    _ base: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, _ kernel: UnsafePointer<Float>,
    addsToBias: Bool
  ) {
    for sample in 0..<samples {
      MatrixProducts.multiply(
        Matrix(kernel, stride: channels), Matrix(source + sample * channels * area, stride: area),
        into: base + sample * outputs * area, stride: area, rows: outputs, columns: area, inner: channels,
        beta: addsToBias ? 1 : 0)
    }
  }

  /// Writes the results of one band, from its patches as columns.
  private func fill(
    _ base: UnsafeMutablePointer<Float>, _ band: Band, _ columns: UnsafePointer<Float>, _ kernel: UnsafePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, addsToBias: Bool
  ) {
    let first = band.samples.lowerBound
    let (kernel, columns) = (Matrix(kernel, stride: patch), Matrix(columns, stride: band.columns))
    if band.samples.count == 1 {
      MatrixProducts.multiply(
        kernel, columns, into: base + first * outputs * area + band.rows.lowerBound * outputWidth, stride: area,
        rows: outputs, columns: band.columns, inner: patch, beta: addsToBias ? 1 : 0)
      return
    }
    MatrixProducts.multiply(
      kernel, columns, into: scratch, stride: band.columns, rows: outputs, columns: band.columns, inner: patch)
    forEachPlane(band) { sample, output in
      let to = base + (sample * outputs + output) * area
      let from = scratch + output * band.columns + (sample - first) * area
      if addsToBias { msd_add(from, to, Int64(area)) } else { to.update(from: from, count: area) }
    }
  }

  /// Calls `body` for every sample and output channel of a band.
  func forEachPlane(_ band: Band, _ body: (Int, Int) -> Void) {
    parallel(outputs, cost: band.columns) { range in
      for output in range { for sample in band.samples { body(sample, output) } }
    }
  }

  /// Writes [patch, columns]: for each channel and kernel position, the input value under it at each output position of
  /// the band; 0 in the padding.
  func layOut(_ input: UnsafePointer<Float>, _ band: Band, into columns: UnsafeMutablePointer<Float>) {
    let window = msd_window(
      height: Int64(height), width: Int64(width), kernel_height: Int64(kernelHeight), kernel_width: Int64(kernelWidth),
      stride: Int64(stride), padding: Int64(padding), first_row: Int64(band.rows.lowerBound),
      rows: Int64(band.rows.count), outputs: Int64(outputWidth))
    parallel(channels, cost: kernel * band.columns) { range in
      for channel in range {
        for (index, sample) in band.samples.enumerated() {
          msd_lay_out(
            input + (sample * channels + channel) * inputArea, window,
            columns + channel * kernel * band.columns + index * band.length, Int64(band.columns))
        }
      }
    }
  }

  /// The output columns at which kernel column `kx` lies on the image, not on its padding.
  func columnsInside(_ kx: Int) -> Range<Int> {
    let first = max(0, (padding - kx + stride - 1) / stride)
    let end = min(outputWidth, (width - 1 - kx + padding) / stride + 1)
    return width - 1 - kx + padding < 0 || end <= first ? 0..<0 : first..<end
  }
}
