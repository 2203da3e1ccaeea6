import Analysis
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TrainingData

// Axes: C latent channels, R subjects, N image tokens, h and w of latents.

/// A training sample, with everything computed that is the same each time the sample is used.
struct PreparedSample: Sendable {
  /// The sample without its images and silhouettes.
  let sample: TrainingSample
  /// The silhouettes, reduced to the size of the latents, `[R, h, w]`.
  let silhouettes: HalfTensor
  /// Mean and logarithm of the variance of the autoencoder's posterior of the image, `[C, h, w]` each.
  let mean, logVariance: HalfTensor
  /// The image encoder's output for each reference, `[R, N, width]` or `[R, width]`; nil without an adapter, or if the
  /// sample has no subject.
  let features: HalfTensor?
}

/// A tensor in half precision: many of them are kept, and so they take half of the memory.
struct HalfTensor: Sendable {
  let shape: [Int]
  private let values: [Float16]

  init(_ tensor: Tensor) {
    shape = tensor.shape
    values = tensor.withUnsafeBuffer { $0.map { Float16($0) } }
  }

  var tensor: Tensor {
    Tensor(shape: shape) { buffer in
      for index in values.indices { buffer[index] = Float(values[index]) }
    }
  }
}

/// Prepares samples by their indices and, if `keeps` is true, keeps them. Each sample is prepared alone, so that it
/// does not depend on the other samples in its batch. Several threads may request samples at once.
final class PreparedSamples<Sample: Sendable>: Sendable {
  private let keeps: Bool
  private let prepare: @Sendable (Int) throws -> Sample
  private let kept = Mutex<[Int: Sample]>([:])

  init(keeps: Bool, prepare: @escaping @Sendable (Int) throws -> Sample) {
    (self.keeps, self.prepare) = (keeps, prepare)
  }

  /// - Throws: errors of the source of samples.
  subscript(index: Int) -> Sample {
    get throws {
      if let sample = kept.withLock({ $0[index] }) { return sample }
      let sample = try prepare(index)
      if keeps { kept.withLock { $0[index] = sample } }
      return sample
    }
  }
}

extension DenoisingObjective.Frozen {
  /// Encodes a sample's image and, for an adapter, its references.
  /// - Parameter input: which output of the image encoder the adapter reads; nil: no adapter.
  func prepared(_ sample: TrainingSample, for input: ImageInput?) -> PreparedSample {
    let posterior = vae.encode(sample.image.reshaped([1] + sample.image.shape))
    let (height, width) = (posterior.mean.shape[2], posterior.mean.shape[3])
    let features = input.flatMap { input in
      sample.subjects.isEmpty ? nil : self.features(of: sample.subjects.map(\.reference), for: input)
    }
    let none = Tensor.zeros([0])
    var rest = sample
    rest.image = none
    for index in rest.subjects.indices {
      (rest.subjects[index].silhouette, rest.subjects[index].reference) = (none, none)
    }
    return PreparedSample(
      sample: rest, silhouettes: HalfTensor(silhouettes(of: sample, height: height, width: width)),
      mean: HalfTensor(posterior.mean.reshaped([-1, height, width])),
      logVariance: HalfTensor(posterior.logVariance.reshaped([-1, height, width])),
      features: features.map { HalfTensor($0) })
  }

  /// The fraction of each cell of a grid that each subject covers, `[R, height, width]`.
  private func silhouettes(of sample: TrainingSample, height: Int, width: Int) -> Tensor {
    let count = sample.subjects.count
    guard count > 0 else { return .zeros([0, height, width]) }
    let all = Tensor.stacked(sample.subjects.map(\.silhouette), axis: 0)
    return SubjectRegions.silhouettes(all.reshaped([1] + all.shape))
      .covered(height: height, width: width, subjects: count).reshaped([count, height, width])
  }

  /// The image encoder's output for pictures `[3, S, S]` in 0…1. If there is no image encoder, the program stops.
  private func features(of pictures: [Tensor], for input: ImageInput) -> Tensor {
    let mean = Tensor(processor.mean, shape: [3, 1, 1])
    let deviation = Tensor(processor.standardDeviation, shape: [3, 1, 1])
    return features(ofPixels: .stacked(pictures.map { ($0 - mean) / deviation }, axis: 0), for: input)
  }

  /// What an adapter reads of a subject whose image is dropped: the hidden states of an all-zero image, `[1, N,
  /// width]`, or an all-zero embedding, `[1, width]`.
  func featuresWithoutImage(for input: ImageInput) -> Tensor {
    let side = vision?.configuration.imageSize ?? 1
    let features = features(ofPixels: .zeros([1, 3, side, side]), for: input)
    return input.chosen(states: features, embedding: .zeros(features.shape))
  }

  private func features(ofPixels pixels: Tensor, for input: ImageInput) -> Tensor {
    guard let vision else { fail("DenoisingObjective: expected an image encoder for the adapter, found none") }
    let output = vision(pixels)
    return input.chosen(states: output.penultimate, embedding: output.imageEmbedding)
  }
}
