import CKernels

/// A 3×3 convolution with stride 1 and padding 1, computed as F(2×2, 3×3) (Lavin and Gray, 2016): with 4/9 of the
/// multiplications of a plain one, in 16 matrix products.
///
/// Outputs are computed in tiles of 2×2. The tiles of all samples are numbered row by row; a chunk is some rows of tiles,
/// so that its transformed numbers fit in cache.
struct WinogradConvolution {
  let samples, channels, outputs, height, width: Int

  /// Nil if the convolution has other sizes, or is too small to gain by it.
  init?(_ geometry: ConvolutionGeometry) {
    guard geometry.kernelHeight == 3, geometry.kernelWidth == 3, geometry.stride == 1, geometry.padding == 1,
      geometry.channels >= 16, geometry.outputs >= 16
    else { return nil }
    (samples, channels, outputs) = (geometry.samples, geometry.channels, geometry.outputs)
    (height, width) = (geometry.height, geometry.width)
    guard samples * rowsPerSample * tilesPerRow >= 8 else { return nil }
  }

  private var tilesPerRow: Int { (width + 1) / 2 }
  private var rowsPerSample: Int { (height + 1) / 2 }
  private var rows: Int { samples * rowsPerSample }
  private var scratchCount: Int { 4 * (rowsPerSample + 1) * (tilesPerRow + 1) }

  /// Divides the rows of tiles into chunks. The transformed numbers of a chunk, 16 · `width` per tile, fit in the budget;
  /// a chunk has at least one row, even if that exceeds it.
  private func chunks(width: Int) -> [Range<Int>] {
    let most = max(1, Self.chunkBytes / (16 * 4 * width * tilesPerRow))
    let count = (rows + most - 1) / most
    return (0..<count).map { rows * $0 / count..<rows * ($0 + 1) / count }
  }

  /// Transformed inputs and outputs of one chunk take about this many bytes.
  private static let chunkBytes = 8 << 20
  /// Transformed kernels that are in memory at once take about this many bytes.
  private static let kernelBytes = 24 << 20

  /// Calls `body` for every part of a chunk that belongs to one sample.
  /// - Parameter body: receives the sample, the part's rows in it, and the number of the part's first tile in the chunk.
  private func forEachSample(_ chunk: Range<Int>, _ body: (Int, Range<Int>, Int) -> Void) {
    var row = chunk.lowerBound
    while row < chunk.upperBound {
      let sample = row / rowsPerSample
      let end = min(chunk.upperBound, (sample + 1) * rowsPerSample)
      let first = sample * rowsPerSample
      body(sample, row - first..<end - first, (row - chunk.lowerBound) * tilesPerRow)
      row = end
    }
  }

  /// The distance in memory, in elements, between two of the 16 matrices of transformed numbers. It is a little larger than
  /// needed, because addresses whose distance is a power of two compete for the same cache lines.
  private func stride(_ rows: Int, _ columns: Int) -> Int { rows * columns + 16 }

  // MARK: Forward

  /// [B, I, H, W] to [B, O, H, W].
  func result(_ input: Tensor, weight: Weight, bias: Tensor?) -> Tensor {
    withPointers(input, bias) { input, bias in
      Tensor(shape: [samples, outputs, height, width]) { buffer in
        guard let base = buffer.baseAddress else { return }
        convolve(input, channels: channels, outputs: outputs, weight, turned: false, bias: bias, into: base)
      }
    }
  }

  /// The gradient of the input from that of the result: a convolution with kernels turned by 180°.
  func inputGradient(_ gradient: Tensor, weight: Weight) -> Tensor {
    withPointers(gradient) { gradient in
      Tensor(shape: [samples, channels, height, width]) { buffer in
        guard let base = buffer.baseAddress else { return }
        convolve(gradient, channels: outputs, outputs: channels, weight, turned: true, bias: nil, into: base)
      }
    }
  }

  private func convolve(
    _ input: UnsafePointer<Float>, channels: Int, outputs: Int, _ weight: Weight, turned: Bool,
    bias: UnsafePointer<Float>?, into base: UnsafeMutablePointer<Float>
  ) {
    // For the gradient of the input, the weight's rows are needed as columns, so a stored one is widened as a whole.
    let weight = turned ? .tensor(weight.tensor) : weight
    let panel = min(outputs, max(64, Self.kernelBytes / (16 * 4 * channels)))
    // If the kernels need several panels and the input is small, all tiles are one chunk, so that each kernel is
    // transformed only once.
    let chunks =
      panel < outputs && rows * tilesPerRow * channels < 1 << 21 ? [0..<rows] : chunks(width: channels + panel)
    let tiles = (chunks.map(\.count).max() ?? 0) * tilesPerRow
    let transformed = Storage(count: 16 * stride(channels, tiles))
    let products = Storage(count: 16 * stride(panel, tiles))
    let known = panel == outputs ? knownKernels(weight, channels: channels, outputs: outputs, turned: turned) : nil
    let kernels = known ?? Storage(count: 16 * stride(panel, channels))
    withPointers(transformed, products, kernels) { transformed, products, kernels in
      for chunk in chunks {
        transform(input, channels: channels, chunk, by: msd_winograd_input, into: transformed)
        for first in Swift.stride(from: 0, to: outputs, by: panel) {
          let part = first..<min(first + panel, outputs)
          if known == nil, panel < outputs || chunk.lowerBound == 0 {
            transformKernels(weight, part, channels: channels, turned: turned, into: kernels)
          }
          let columns = chunk.count * tilesPerRow
          multiply(part.count, columns, inner: channels) {
            (
              Matrix(kernels + $0 * stride(part.count, channels), stride: channels),
              Matrix(transformed + $0 * stride(channels, columns), stride: columns)
            )
          } into: {
            products + $0 * stride(part.count, columns)
          }
          transformOutput(products, part, of: outputs, chunk, bias: bias, into: base)
        }
      }
    }
  }

  /// The transformed kernels of a small weight, kept with it until it changes; nil for a large one.
  private func knownKernels(_ weight: Weight, channels: Int, outputs: Int, turned: Bool) -> Storage? {
    guard case .tensor(let tensor) = weight, tensor.count <= Self.keptElements else { return nil }
    return tensor.storage.derived(turned ? .turnedKernels : .kernels) {
      let made = Storage(count: 16 * stride(outputs, channels))
      withPointers(made) { transformKernels(weight, 0..<outputs, channels: channels, turned: turned, into: $0) }
      return made
    }
  }

  /// The largest number of elements of a weight whose transformed kernels are kept.
  private static let keptElements = 1 << 19

  /// 16 matrix products, each on one thread.
  private func multiply(
    _ rows: Int, _ columns: Int, inner: Int, beta: Float = 0, operands: (Int) -> (Matrix, Matrix),
    into target: (Int) -> UnsafeMutablePointer<Float>
  ) {
    parallel(16, cost: rows * columns * inner / 16) { range in
      for index in range {
        let (a, b) = operands(index)
        MatrixProducts.multiply(
          a, b, into: target(index), stride: columns, rows: rows, columns: columns, inner: inner, beta: beta)
      }
    }
  }

  /// A kernel that transforms rows of tiles of one channel: `msd_winograd_input` or `msd_winograd_output_gradient`.
  private typealias TileTransform = (
    UnsafePointer<Float>?, Int64, Int64, Int64, Int64, UnsafeMutablePointer<Float>?, Int64, UnsafeMutablePointer<Float>?
  ) -> Void

  /// Transforms the tiles of a chunk of [B, channels, H, W] into 16 matrices [channels, tiles].
  private func transform(
    _ images: UnsafePointer<Float>, channels: Int, _ chunk: Range<Int>, by kernel: TileTransform,
    into target: UnsafeMutablePointer<Float>
  ) {
    let columns = chunk.count * tilesPerRow
    parallel(channels, cost: columns * 16) { range in
      withPointers(Storage(count: scratchCount)) { scratch in
        for channel in range {
          forEachSample(chunk) { sample, rows, tile in
            kernel(
              images + (sample * channels + channel) * height * width, Int64(height), Int64(width),
              Int64(rows.lowerBound), Int64(rows.count), target + channel * columns + tile,
              Int64(stride(channels, columns)), scratch)
          }
        }
      }
    }
  }

  private func transformOutput(
    _ products: UnsafePointer<Float>, _ part: Range<Int>, of outputs: Int, _ chunk: Range<Int>,
    bias: UnsafePointer<Float>?, into base: UnsafeMutablePointer<Float>
  ) {
    let columns = chunk.count * tilesPerRow
    parallel(part.count, cost: columns * 16) { range in
      withPointers(Storage(count: scratchCount)) { scratch in
        for index in range {
          let output = part.lowerBound + index
          forEachSample(chunk) { sample, rows, tile in
            msd_winograd_output(
              products + index * columns + tile, Int64(stride(part.count, columns)), Int64(height), Int64(width),
              Int64(rows.lowerBound), Int64(rows.count), bias?[output] ?? 0,
              base + (sample * outputs + output) * height * width, scratch)
          }
        }
      }
    }
  }

  /// Transforms the kernels of some outputs into 16 matrices [part.count, channels]. Turned, the roles of inputs and
  /// outputs are exchanged.
  private func transformKernels(
    _ weight: Weight, _ part: Range<Int>, channels: Int, turned: Bool, into target: UnsafeMutablePointer<Float>
  ) {
    let distance = stride(part.count, channels)
    let (rowStride, columnStride) = turned ? (9, 9 * self.channels) : (9 * channels, 9)
    switch weight {
    case .tensor(let tensor):
      withPointers(tensor) { values in
        parallel(part.count, cost: channels * 32) { range in
          msd_winograd_weights(
            values + (part.lowerBound + range.lowerBound) * rowStride, Int64(range.count), Int64(channels),
            Int64(rowStride), Int64(columnStride), turned ? 1 : 0,
            target + range.lowerBound * channels, Int64(distance))
        }
      }
    case .stored(let stored):
      parallel(part.count, cost: channels * 32) { range in
        withPointers(Storage(count: 9 * channels)) { row in
          for index in range {
            let output = part.lowerBound + index
            stored.widen(rows: output..<output + 1, columns: 0..<9 * channels, ofWidth: 9 * channels, into: row)
            msd_winograd_weights(
              row, 1, Int64(channels), 0, 9, 0, target + index * channels, Int64(distance))
          }
        }
      }
    }
  }

  // MARK: Gradient of the weight

  /// The gradient of the weight, [O, I, 3, 3].
  func weightGradient(_ gradient: Tensor, input: Tensor) -> Tensor {
    let chunks = chunks(width: channels + outputs)
    let tiles = (chunks.map(\.count).max() ?? 0) * tilesPerRow
    let transformed = Storage(count: 16 * stride(channels, tiles))
    let ofProducts = Storage(count: 16 * stride(outputs, tiles))
    let ofKernels = Storage(count: 16 * stride(outputs, channels))
    let distance = stride(outputs, channels)
    return withPointers(gradient, input, transformed, ofProducts, ofKernels) {
      gradient, input, transformed, ofProducts, ofKernels in
      for chunk in chunks {
        let columns = chunk.count * tilesPerRow
        transform(input, channels: channels, chunk, by: msd_winograd_input, into: transformed)
        transform(gradient, channels: outputs, chunk, by: msd_winograd_output_gradient, into: ofProducts)
        multiply(outputs, channels, inner: columns, beta: chunk.lowerBound == 0 ? 0 : 1) {
          (
            Matrix(ofProducts + $0 * stride(outputs, columns), stride: columns),
            Matrix(transformed + $0 * stride(channels, columns), stride: columns).transposed
          )
        } into: {
          ofKernels + $0 * distance
        }
      }
      return Tensor(shape: [outputs, channels, 3, 3]) { buffer in
        guard let base = buffer.baseAddress else { return }
        parallel(outputs * channels, cost: 32) { range in
          msd_winograd_weight_gradient(
            ofKernels + range.lowerBound, Int64(distance), Int64(range.count), base + 9 * range.lowerBound)
        }
      }
    }
  }
}
