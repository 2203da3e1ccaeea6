import Foundation
import Layers
import Models
import Tensors
import Training
import TrainingData

// Axes: B images, H and W image height and width.

/// Trains the autoencoder to reconstruct images, with their edges, from latents that stay near a standard normal
/// distribution (Kingma and Welling, 2014; Rombach et al., 2022, without the adversarial loss).
struct AutoencoderObjective: TrainingObjective {
  /// Weight of the KL divergence from the standard normal distribution. The divergence is a mean over latents, while
  /// the reconstruction loss is a mean over pixels.
  static let divergenceWeight: Float = 1e-3

  /// What a subject's pixels weigh in addition to 1, the weight of the background.
  static let subjectWeight: Float = 2

  let vae: VAE
  let world: EmojiWorld
  let small: SmallModel
  let seed: UInt64
  let parameters: [Parameter]

  func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
    let scenes = samples.map { world.sample($0, seed: seed, size: small.imageSize) }
    let cropSize = step < small.cropSteps ? small.cropSize : nil
    let crops = zip(samples, scenes).map { sample, scene in
      let weights = pixelWeights(of: scene)
      return cropSize.map { cropped(scene, weights, side: $0, sample: sample) } ?? (scene.image, weights)
    }
    let images = Tensor.stacked(crops.map(\.0), axis: 0)
    let weights = Tensor.stacked(crops.map(\.1), axis: 0)
    let posterior = vae.encode(images)
    let noise = Tensor.stacked(
      samples.map { sample in
        var generator = CounterGenerator(seed: seed, sample: sample)
        return generator.normal(Array(posterior.mean.shape.dropFirst()))
      }, axis: 0)
    let decoded = vae.decode(posterior.sample(noise: noise))
    let difference = decoded - images
    let absolute = (difference.abs() * weights).mean()
    let squared = (difference.square() * weights).mean()
    let edges = edges(difference * weights)
    let divergence =
      (posterior.mean.square() + posterior.logVariance.exp() - posterior.logVariance - 1).mean() * 0.5
    return StepLoss(
      absolute + squared + edges + divergence * Self.divergenceWeight,
      figures: [
        ("absolute", absolute.item), ("squared", squared.item), ("edges", edges.item), ("divergence", divergence.item),
      ])
  }

  /// Weight of each pixel in the loss, `[1, S, S]`, mean 1: higher on subjects than on the background.
  private func pixelWeights(of scene: TrainingSample) -> Tensor {
    let side = small.imageSize
    // A subject that is a place covers the whole image, and counts as background.
    let covered = scene.subjects.filter { $0.box != .whole }.map(\.silhouette)
    let subjects = covered.dropFirst().reduce(covered.first ?? .zeros([side, side])) { $0 + $1 }
    let raw = subjects.clamped(to: 0...1) * Self.subjectWeight + 1
    return (raw / raw.mean()).reshaped([1, side, side])
  }

  /// A square part of the scene, and the weights of its pixels. Its centre is that of a random subject, moved by at
  /// most a quarter of the side; the square is then moved into the scene.
  private func cropped(
    _ scene: TrainingSample, _ weights: Tensor, side: Int, sample: Int
  ) -> (image: Tensor, weights: Tensor) {
    var generator = CounterGenerator(seed: seed, sample: sample, stream: 6)
    let box = scene.subjects[generator.integer(below: scene.subjects.count)].box
    func range(_ low: Float, _ high: Float) -> Range<Int> {
      let jitter = (generator.uniform() - 0.5) * Float(side) / 2
      let start = Int((low + high) / 2 * Float(small.imageSize) + jitter) - side / 2
      let first = min(max(start, 0), small.imageSize - side)
      return first..<first + side
    }
    let (columns, rows) = (range(box.x0, box.x1), range(box.y0, box.y1))
    func cut(_ x: Tensor) -> Tensor { x.sliced(axis: 1, rows).sliced(axis: 2, columns) }
    return (cut(scene.image), cut(weights))
  }

  /// Mean and standard deviation of the latents of 256 scenes, by which the U-Net's latents are shifted and scaled.
  func latentMoments() -> (mean: Float, standardDeviation: Float) {
    let images = Tensor.stacked(
      (0..<256).map { world.sample($0, seed: seed, size: small.imageSize).image }, axis: 0)
    let latents = vae.encode(images).mean
    let mean = latents.mean()
    return (mean.item, (latents - mean).square().mean().sqrt().item)
  }

  /// Mean absolute difference between neighbouring pixels, horizontally and vertically. For the error of a
  /// reconstruction, it is larger if edges are blurred than if tones are shifted.
  private func edges(_ difference: Tensor) -> Tensor {
    let (height, width) = (difference.shape[2], difference.shape[3])
    let horizontal = difference.sliced(axis: 3, 1..<width) - difference.sliced(axis: 3, 0..<width - 1)
    let vertical = difference.sliced(axis: 2, 1..<height) - difference.sliced(axis: 2, 0..<height - 1)
    return (horizontal.abs().mean() + vertical.abs().mean()) * 0.5
  }

  func evaluation(step: Int) throws -> [(name: String, value: Double)] {
    let images = Tensor.stacked(
      (0..<64).map {
        world.sample($0, seed: seed ^ 0x6865_6c64, split: .heldOutIdentities, size: small.imageSize).image
      }, axis: 0)
    let squared = (vae.decode(vae.encode(images).mean).clamped(to: -1...1) - images).square().mean().item
    // Pixels are in −1…1, so the largest possible error is 2.
    return [("heldOutPSNR", 10 * log10(4 / Double(squared)))]
  }
}
