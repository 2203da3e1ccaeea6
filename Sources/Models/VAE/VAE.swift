import Foundation
import JSON
import Layers
import Tensors

// Axes: B batch, C latent channels, h and w latent height and width, H and W image height and width.

/// The autoencoder of Stable Diffusion (AutoencoderKL), with the published checkpoint keys.
public struct VAE: Sendable {
  public let configuration: VAEConfiguration
  /// The hook points of the encoder. They are listed separately from those of the decoder, since a generation never
  /// runs the encoder.
  public let encoderHooks = HookCatalog()
  let encoder: VAEEncoder
  let decoder: VAEDecoder
  let quantConvolution, postQuantConvolution: Conv2d?

  /// A normal distribution over unscaled latents.
  public struct Posterior: Sendable {
    /// `[B, C, h, w]`.
    public let mean: Tensor
    /// Logarithm of the variance, kept within −30…20; `[B, C, h, w]`.
    public let logVariance: Tensor

    package init(mean: Tensor, logVariance: Tensor) { (self.mean, self.logVariance) = (mean, logVariance) }

    /// Latents drawn from the distribution: the mean plus the standard deviation times `noise`, which is standard
    /// normal and has the shape of the mean.
    public func sample(noise: Tensor) -> Tensor { mean + (logVariance * 0.5).exp() * noise }
  }

  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  public init(_ scope: Scope, _ configuration: VAEConfiguration) throws {
    self.configuration = configuration
    encoder = try VAEEncoder(scope["encoder"].listingHooks(in: encoderHooks), configuration)
    decoder = try VAEDecoder(scope["decoder"], configuration)
    let latent = configuration.latentChannels
    quantConvolution =
      configuration.usesQuantConvolution ? try Conv2d(scope["quant_conv"], 2 * latent, 2 * latent, kernel: 1) : nil
    postQuantConvolution =
      configuration.usesPostQuantConvolution ? try Conv2d(scope["post_quant_conv"], latent, latent, kernel: 1) : nil
  }

  /// The distribution of the latents of images `[B, 3, H, W]` with values in −1…1.
  public func encode(_ images: Tensor) -> Posterior {
    let encoded = encoder(images)
    let moments = (quantConvolution.map { $0(encoded) } ?? encoded)
      .split(axis: 1, sizes: [configuration.latentChannels, configuration.latentChannels])
    return Posterior(mean: moments[0], logVariance: moments[1].clamped(to: -30...20))
  }

  /// The encoder's result, scaled as the denoising network expects it.
  public func scaled(_ latents: Tensor) -> Tensor {
    (latents - configuration.shiftFactor) * configuration.scalingFactor
  }

  /// The denoising network's latents, scaled as the decoder expects them.
  public func unscaled(_ latents: Tensor) -> Tensor {
    configuration.shiftFactor == 0
      ? latents / configuration.scalingFactor : latents / configuration.scalingFactor + configuration.shiftFactor
  }

  /// Decodes unscaled latents `[B, C, h, w]` to images `[B, 3, H, W]` with values of about −1…1, which are not clamped.
  public func decode(_ latents: Tensor) -> Tensor {
    decoder(postQuantConvolution.map { $0(latents) } ?? latents)
  }

  /// Decodes unscaled latents `[B, C, h, w]` in tiles, which overlap by a quarter and are blended, so that the memory
  /// for inner results does not grow with the image. Norms see one tile at a time, so the result differs slightly from
  /// that of decoding the image as a whole.
  /// - Parameters:
  ///   - tile: side of a tile in latents; nil: the side of the training images. Smaller latents are decoded as a whole.
  ///   - progress: called after each tile with the number of finished tiles and the number of all tiles.
  public func decodeTiled(_ latents: Tensor, tile: Int? = nil, progress: (Int, Int) -> Void = { _, _ in }) -> Tensor {
    let tile = max(tile ?? configuration.sampleSize / configuration.factor, 4)
    let (height, width) = (latents.shape[2], latents.shape[3])
    if height <= tile && width <= tile { return decode(latents) }
    let (step, factor) = (tile - tile / 4, configuration.factor)
    let (tops, lefts) = (Self.starts(height, tile, step), Self.starts(width, tile, step))
    let rowWeights = Self.weights(tops, tile, height, factor)
    let columnWeights = Self.weights(lefts, tile, width, factor)
    let channels = configuration.outputChannels
    var sum = [Float](repeating: 0, count: latents.shape[0] * channels * height * factor * width * factor)
    for batch in 0..<latents.shape[0] {
      let one = latents.sliced(axis: 0, batch..<(batch + 1))
      for (row, top) in tops.enumerated() {
        for (column, left) in lefts.enumerated() {
          let (bottom, right) = (min(top + tile, height), min(left + tile, width))
          let decoded = decode(one.sliced(axis: 2, top..<bottom).sliced(axis: 3, left..<right))
          let (down, across) = (rowWeights[row], columnWeights[column])
          decoded.withUnsafeBuffer { source in
            for channel in 0..<channels {
              for y in down.indices {
                let target =
                  ((batch * channels + channel) * height * factor + top * factor + y) * width * factor + left * factor
                let from = (channel * down.count + y) * across.count
                for x in across.indices { sum[target + x] += source[from + x] * down[y] * across[x] }
              }
            }
          }
          progress((batch * tops.count + row) * lefts.count + column + 1, latents.shape[0] * tops.count * lefts.count)
        }
      }
    }
    return Tensor(sum, shape: [latents.shape[0], channels, height * factor, width * factor])
  }

  /// The positions along a side at which tiles start; the last tile ends at the end of the side.
  static func starts(_ length: Int, _ tile: Int, _ step: Int) -> [Int] {
    if length <= tile { return [0] }
    return Array(stride(from: 0, to: length - tile, by: step)) + [length - tile]
  }

  /// The weights of each tile's pixels along a side. They fall towards neighbouring tiles; the weights of one pixel in
  /// all tiles add up to 1.
  static func weights(_ starts: [Int], _ tile: Int, _ length: Int, _ factor: Int) -> [[Float]] {
    let ends = starts.map { min($0 + tile, length) }
    var weights = starts.indices.map { index -> [Float] in
      let count = (ends[index] - starts[index]) * factor
      return (0..<count).map { pixel in
        let fromStart = index == 0 ? Float.infinity : Float(pixel) + 0.5
        let fromEnd = index == starts.count - 1 ? Float.infinity : Float(count - pixel) - 0.5
        return min(fromStart, fromEnd, Float(tile * factor) / 4)
      }
    }
    var totals = [Float](repeating: 0, count: length * factor)
    for index in starts.indices {
      for pixel in weights[index].indices { totals[starts[index] * factor + pixel] += weights[index][pixel] }
    }
    for index in starts.indices {
      for pixel in weights[index].indices { weights[index][pixel] /= totals[starts[index] * factor + pixel] }
    }
    return weights
  }
}
