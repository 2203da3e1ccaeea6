import CKernels

extension Tensor {
  /// Two-dimensional convolution (cross-correlation, as in deep learning): [B, I, H, W] gives [B, O, H', W'].
  ///
  /// Patches are laid out as columns for a matrix product, a band of output rows at a time, so that the memory needed
  /// beside the result stays bounded; samples with few output places share one product.
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
      samples: shape[0], channels: shape[1], height: shape[2], width: shape[3], outputs: weight.shape[0],
      kernelHeight: weight.shape[2], kernelWidth: weight.shape[3], stride: stride, padding: padding)
    guard geometry.outputHeight > 0, geometry.outputWidth > 0 else {
      fail("conv2d: a kernel of \(weight.shape) is larger than \(shape) with padding \(padding)")
    }
    return geometry.result(self, weight: weight, bias: bias)
      .recorded(from: [self, weight] + (bias.map { [$0] } ?? [])) {
        [x = detached, w = weight.detached, wants = [isRecorded, weight.isRecorded, bias?.isRecorded ?? false]]
        derivative in
        let weights = wants[1] || wants[2] ? geometry.weightDerivatives(derivative, input: wants[1] ? x : nil) : nil
        return [
          wants[0] ? geometry.inputDerivative(derivative, weight: w) : nil, wants[1] ? weights?.weight : nil,
          wants[2] ? weights?.bias : nil,
        ]
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

  /// What one matrix product covers: some output rows of one sample, or several whole samples.
  struct Band {
    let samples: Range<Int>
    let rows: Range<Int>
    /// Output places of each sample.
    let length: Int
    /// Output places in all: columns of the product.
    var columns: Int { samples.count * length }
  }

  /// Bands of at most some 16 MiB of columns; samples of less than 256 places each share one.
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

  /// Calls `body` with each band, scratch memory for its columns, and for `outputs` rows of results where several
  /// samples lie in one band.
  func forEachBand(_ body: (Band, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void) {
    let bands = bands
    let widest = bands.map(\.columns).max() ?? 0
    let columns = Storage(count: patch * widest)
    let results = Storage(count: bands.contains { $0.samples.count > 1 } ? outputs * widest : 0)
    for band in bands { body(band, columns.base, results.base) }
    withExtendedLifetime((columns, results)) {}
  }

  func result(_ input: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
    let (source, kernel) = (input.pointer, weight.pointer)
    defer { withExtendedLifetime((input.storage, weight.storage, bias?.storage)) {} }
    return Tensor(shape: [samples, outputs, outputHeight, outputWidth]) { buffer in
      guard let base = buffer.baseAddress, !buffer.isEmpty else { return }
      if let bias {
        parallel(samples * outputs, cost: area) { planes in
          for plane in planes { (base + plane * area).update(repeating: bias.pointer[plane % outputs], count: area) }
        }
      }
      let beta: Float = bias == nil ? 0 : 1
      if isPointwise && area >= 64 {
        for sample in 0..<samples {
          gemm(
            kernel, channels, source + sample * channels * area, area, into: base + sample * outputs * area, area,
            rows: outputs, columns: area, inner: channels, beta: beta)
        }
        return
      }
      forEachBand { band, columns, results in
        layOut(source, band, into: columns)
        let first = band.samples.lowerBound
        if band.samples.count == 1 {
          gemm(
            kernel, patch, columns, band.columns,
            into: base + first * outputs * area + band.rows.lowerBound * outputWidth, area, rows: outputs,
            columns: band.columns, inner: patch, beta: beta)
        } else {
          gemm(
            kernel, patch, columns, band.columns, into: results, band.columns, rows: outputs, columns: band.columns,
            inner: patch)
          exchange(band) { sample, output in
            let (to, from) = (
              base + (sample * outputs + output) * area, results + output * band.columns + (sample - first) * area
            )
            if bias == nil { to.update(from: from, count: area) } else { msd_add(from, to, Int64(area)) }
          }
        }
      }
    }
  }

  /// Calls `body` for every sample and output channel of a band.
  private func exchange(_ band: Band, _ body: (Int, Int) -> Void) {
    parallel(outputs, cost: band.columns) { range in
      for output in range { for sample in band.samples { body(sample, output) } }
    }
  }

  /// Writes [patch, columns]: for each channel and kernel place, what it meets at each output place of the band.
  private func layOut(_ input: UnsafePointer<Float>, _ band: Band, into columns: UnsafeMutablePointer<Float>) {
    parallel(patch, cost: band.columns) { range in
      for entry in range {
        let channel = entry / kernel
        let (ky, kx) = (entry / kernelWidth % kernelHeight, entry % kernelWidth)
        let inside = columnsInside(kx)
        var to = columns + entry * band.columns
        for sample in band.samples {
          let plane = input + (sample * channels + channel) * inputArea
          for row in band.rows {
            let y = row * stride + ky - padding
            if y < 0 || y >= height || inside.isEmpty {
              to.update(repeating: 0, count: outputWidth)
            } else {
              let from = plane + y * width + kx - padding
              for column in 0..<inside.lowerBound { to[column] = 0 }
              if stride == 1 {
                for column in inside { to[column] = from[column] }
              } else {
                for column in inside { to[column] = from[column * stride] }
              }
              for column in inside.upperBound..<outputWidth { to[column] = 0 }
            }
            to += outputWidth
          }
        }
      }
    }
  }

  /// The output columns at which a kernel column meets the image rather than its padding.
  private func columnsInside(_ kx: Int) -> Range<Int> {
    let first = max(0, (padding - kx + stride - 1) / stride)
    let end = min(outputWidth, (width - 1 - kx + padding) / stride + 1)
    return width - 1 - kx + padding < 0 || end <= first ? 0..<0 : first..<end
  }
}

extension ConvolutionGeometry {
  /// Derivative of the input [B, I, H, W] from that of the result [B, O, H', W'].
  fileprivate func inputDerivative(_ derivative: Tensor, weight: Tensor) -> Tensor {
    defer { withExtendedLifetime((derivative.storage, weight.storage)) {} }
    let source = derivative.pointer
    if isPointwise {
      return Tensor(shape: [samples, channels, height, width]) { buffer in
        guard let base = buffer.baseAddress else { return }
        for sample in 0..<samples {
          gemm(
            weight.pointer, channels, transposingA: true, source + sample * outputs * area, area,
            into: base + sample * channels * area, area, rows: channels, columns: area, inner: outputs)
        }
      }
    }
    var result = Tensor.zeros([samples, channels, height, width])
    result.withUnsafeMutableBuffer { buffer in
      guard let base = buffer.baseAddress else { return }
      forEachBand { band, columns, results in
        let (slopes, stride) = gathered(source, band, results)
        gemm(
          weight.pointer, patch, transposingA: true, slopes, stride, into: columns, band.columns, rows: patch,
          columns: band.columns, inner: outputs)
        putBack(columns, band, into: base)
      }
    }
    return result
  }

  /// Derivatives of the weight [O, I, kh, kw], where the input is given, and of the bias [O].
  fileprivate func weightDerivatives(_ derivative: Tensor, input: Tensor?) -> (weight: Tensor?, bias: Tensor) {
    defer { withExtendedLifetime((derivative.storage, input?.storage)) {} }
    let source = derivative.pointer
    let bias = Tensor(shape: [outputs]) { sums in
      guard let sums = sums.baseAddress else { return }
      parallel(outputs, cost: samples * area) { range in
        for output in range {
          var total = 0.0
          for sample in 0..<samples {
            var sum = 0.0
            msd_sum(source + (sample * outputs + output) * area, Int64(area), &sum)
            total += sum
          }
          sums[output] = Float(total)
        }
      }
    }
    guard let input else { return (nil, bias) }
    var result = Tensor.zeros([outputs, channels, kernelHeight, kernelWidth])
    result.withUnsafeMutableBuffer { buffer in
      guard let target = buffer.baseAddress else { return }
      forEachBand { band, columns, results in
        layOut(input.pointer, band, into: columns)
        let (slopes, stride) = gathered(source, band, results)
        gemm(
          slopes, stride, columns, band.columns, transposingB: true, into: target, patch, rows: outputs, columns: patch,
          inner: band.columns, beta: 1)
      }
    }
    return (result, bias)
  }

  /// The derivative of a band's results as a matrix [outputs, columns], and the distance between its rows.
  private func gathered(
    _ derivative: UnsafePointer<Float>, _ band: Band, _ scratch: UnsafeMutablePointer<Float>
  ) -> (UnsafePointer<Float>, Int) {
    let first = band.samples.lowerBound
    if band.samples.count == 1 {
      return (derivative + first * outputs * area + band.rows.lowerBound * outputWidth, area)
    }
    exchange(band) { sample, output in
      (scratch + output * band.columns + (sample - first) * area)
        .update(from: derivative + (sample * outputs + output) * area, count: area)
    }
    return (UnsafePointer(scratch), band.columns)
  }

  /// Adds columns back to the places of the images that they were laid out from.
  private func putBack(
    _ columns: UnsafePointer<Float>, _ band: Band, into images: UnsafeMutablePointer<Float>
  ) {
    parallel(channels, cost: kernel * band.columns) { range in
      for entry in range.lowerBound * kernel..<range.upperBound * kernel {
        let (ky, kx) = (entry / kernelWidth % kernelHeight, entry % kernelWidth)
        let inside = columnsInside(kx)
        var from = columns + entry * band.columns
        for sample in band.samples {
          let plane = images + (sample * channels + entry / kernel) * inputArea
          for row in band.rows {
            let y = row * stride + ky - padding
            if y >= 0, y < height {
              let to = plane + y * width + kx - padding
              if stride == 1 {
                for column in inside { to[column] += from[column] }
              } else {
                for column in inside { to[column * stride] += from[column] }
              }
            }
            from += outputWidth
          }
        }
      }
    }
  }
}
