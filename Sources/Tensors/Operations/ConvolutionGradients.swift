import CKernels

extension ConvolutionGeometry {
  /// Gradient of the input [B, I, H, W] from the gradient of the result [B, O, H', W'].
  func inputGradient(_ gradient: Tensor, weight: Tensor) -> Tensor {
    let result = Storage(zeros: samples * channels * inputArea)
    withPointers(gradient, weight, result) { gradient, kernel, result in
      if isPointwise {
        for sample in 0..<samples {
          MatrixProducts.multiply(
            Matrix(kernel, stride: channels).transposed, Matrix(gradient + sample * outputs * area, stride: area),
            into: result + sample * channels * area, stride: area, rows: channels, columns: area, inner: outputs)
        }
        return
      }
      forEachBand { band, columns, scratch in
        MatrixProducts.multiply(
          Matrix(kernel, stride: patch).transposed, gathered(gradient, band, scratch), into: columns,
          stride: band.columns, rows: patch, columns: band.columns, inner: outputs)
        putBack(columns, band, into: result)
      }
    }
    return Tensor(shape: [samples, channels, height, width], storage: result)
  }

  /// Gradient of the weight [O, I, kh, kw].
  func weightGradient(_ gradient: Tensor, input: Tensor) -> Tensor {
    let result = Storage(zeros: outputs * patch)
    withPointers(gradient, input, result) { gradient, input, result in
      forEachBand { band, columns, scratch in
        layOut(input, band, into: columns)
        MatrixProducts.multiply(
          gathered(gradient, band, scratch), Matrix(columns, stride: band.columns).transposed, into: result,
          stride: patch, rows: outputs, columns: patch, inner: band.columns, beta: 1)
      }
    }
    return Tensor(shape: [outputs, channels, kernelHeight, kernelWidth], storage: result)
  }

  /// Gradient of the bias [O]: the sum over samples and positions, in double precision.
  func biasGradient(_ gradient: Tensor) -> Tensor {
    withPointers(gradient) { gradient in
      Tensor(shape: [outputs]) { sums in
        guard let sums = sums.baseAddress else { return }
        parallel(outputs, cost: samples * area) { range in
          for output in range {
            var total = 0.0
            for sample in 0..<samples {
              var sum = 0.0
              msd_sum(gradient + (sample * outputs + output) * area, Int64(area), &sum)
              total += sum
            }
            sums[output] = Float(total)
          }
        }
      }
    }
  }

  /// The gradient of a band's results as a matrix [outputs, band.columns]: in place if the band has one sample, else
  /// copied into `scratch`.
  private func gathered(
    _ gradient: UnsafePointer<Float>, _ band: Band, _ scratch: UnsafeMutablePointer<Float>
  ) -> Matrix {
    let first = band.samples.lowerBound
    if band.samples.count == 1 {
      return Matrix(gradient + first * outputs * area + band.rows.lowerBound * outputWidth, stride: area)
    }
    forEachPlane(band) { sample, output in
      (scratch + output * band.columns + (sample - first) * area)
        .update(from: gradient + (sample * outputs + output) * area, count: area)
    }
    return Matrix(scratch, stride: band.columns)
  }

  /// Adds each value of the columns to the input position from which ``layOut(_:_:into:)`` copies it.
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
