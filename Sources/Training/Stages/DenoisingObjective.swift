import Analysis
import Layers
import MSDiffusion
import Models
import Tensors
import TrainingData

// Axes: B samples, C latent channels, R subjects, S image side.

/// Trains the U-Net on captions, or the adapter beside a frozen U-Net: the loss of denoising, with or without one on
/// attention.
struct DenoisingObjective: TrainingObjective {
  /// Parts that are used and not trained.
  struct Frozen: Sendable {
    let vae: VAE
    let text: CLIPTextEncoder
    let tokenizer: CLIPTokenizer
    /// For an adapter alone.
    let vision: CLIPVisionEncoder?
    let processor: CLIPImageProcessor
  }

  /// Share of subjects whose kind the caption leaves out.
  static let untoldShare: Float = 0.08

  let loss: DenoisingLoss
  let frozen: Frozen
  let source: SampleSource
  let seed: UInt64
  let dropping: ConditionDropping
  let parameters: [Parameter]

  func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
    try loss(
      batch(try samples.map { try Draw(source.sample($0, seed: seed, size: SmallModel.imageSize), $0, self, seed) }))
  }

  /// A sample with all that chance decides about it.
  private struct Draw {
    let sample: TrainingSample
    let dropped: ConditionDropping.Dropped
    let timestep: Int
    /// Of the posterior of the autoencoder, and of the diffusion: `[C, S/4, S/4]` each.
    let latentNoise, noise: Tensor

    init(_ drawn: TrainingSample, _ number: Int, _ objective: DenoisingObjective, _ seed: UInt64) {
      var untold = CounterGenerator(seed: seed, sample: number, stream: 4)
      sample = drawn.leavingOut { _ in untold.uniform() < DenoisingObjective.untoldShare }
      dropped = objective.dropping.dropped(sample: number, seed: seed)
      var generator = CounterGenerator(seed: seed, sample: number)
      timestep = generator.integer(below: objective.loss.diffusion.schedule.count)
      let vae = objective.frozen.vae.configuration
      let shape = [vae.latentChannels, SmallModel.imageSize / vae.factor, SmallModel.imageSize / vae.factor]
      latentNoise = generator.normal(shape)
      noise = generator.normal(shape)
    }
  }

  private func batch(_ draws: [Draw]) -> DenoisingBatch {
    let posterior = frozen.vae.encode(.stacked(draws.map(\.sample.image), axis: 0))
    let clean = frozen.vae.scaled(posterior.sample(noise: .stacked(draws.map(\.latentNoise), axis: 0)))
    let prompts = draws.map { $0.dropped.text ? "" : $0.sample.caption }
    let subjects = loss.adapter == nil ? captionedSubjects(draws) : referredSubjects(draws)
    let count = draws.map(\.sample.subjects.count).max() ?? 0
    let empty = Tensor.zeros([SmallModel.imageSize, SmallModel.imageSize])
    let silhouettes = Tensor.stacked(
      draws.map { draw in
        let own = draw.sample.subjects.map(\.silhouette)
        return .stacked(own + [Tensor](repeating: empty, count: count - own.count), axis: 0)
      }, axis: 0)
    return DenoisingBatch(
      clean: clean, noise: .stacked(draws.map(\.noise), axis: 0), timesteps: draws.map(\.timestep),
      text: frozen.text(prompts.map(ids)).lastHidden, subjects: subjects,
      regions: loss.adapter == nil ? .silhouettes(silhouettes) : nil)
  }

  private func ids(_ text: String) -> [Int] { frozen.tokenizer.encode(text, length: SmallModel.textLength).ids }

  /// Places of the phrases in the caption; all empty where the text is dropped.
  private func spans(_ draw: Draw) -> [Range<Int>] {
    if draw.dropped.text { return draw.sample.subjects.map { _ in 0..<0 } }
    let finder = PhraseFinder(tokenizer: frozen.tokenizer, length: SmallModel.textLength)
    return finder.spans(of: draw.sample.subjects.map(\.phrase), in: draw.sample.caption).map { found in
      (try? found.get()) ?? 0..<0
    }
  }

  /// Subjects of the base model: places in the caption alone.
  private func captionedSubjects(_ draws: [Draw]) -> [SubjectSample] {
    draws.map { draw in
      SubjectSample(
        images: .zeros([0]), phrases: .zeros([0]), boxes: draw.sample.subjects.map(\.box), spans: spans(draw))
    }
  }

  /// Subjects with their references through the image encoder and their phrases through the text encoder.
  private func referredSubjects(_ draws: [Draw]) -> [SubjectSample] {
    guard let vision = frozen.vision, let input = loss.adapter?.configuration.projector.imageInput else {
      fail("DenoisingObjective: expected an adapter and an image encoder")
    }
    let all = draws.flatMap { draw in draw.sample.subjects.map { (draw.dropped.image, $0) } }
    let mean = Tensor(frozen.processor.mean, shape: [3, 1, 1])
    let deviation = Tensor(frozen.processor.deviation, shape: [3, 1, 1])
    let pixels = Tensor.stacked(
      all.map { isDropped, subject in
        isDropped ? .zeros(subject.reference.shape) : (subject.reference - mean) / deviation
      }, axis: 0)
    let output = vision(pixels)
    let images = input.chosen(states: output.penultimate, embedding: output.imageEmbedding)
    let phrases = frozen.text(all.map { ids($0.1.phrase) }).pooled
    var start = 0
    return draws.map { draw in
      let range = start..<start + draw.sample.subjects.count
      start = range.upperBound
      var features = images.sliced(axis: 0, range)
      // Where an image is dropped, states are what the encoder makes of zeros, and an embedding is zeros itself.
      if draw.dropped.image { features = input.chosen(states: features, embedding: .zeros(features.shape)) }
      return SubjectSample(
        images: features, phrases: phrases.sliced(axis: 0, range), boxes: draw.sample.subjects.map(\.box),
        spans: spans(draw), dropsGrounding: draw.dropped.grounding)
    }
  }

  /// The loss of held-out scenes, always the same ones; nothing for one's own data.
  func evaluation(step: Int) throws -> [(name: String, value: Double)] {
    var sums: [String: Double] = [:]
    let (batches, seed) = (8, seed ^ 0x6865_6c64)
    for batch in 0..<batches {
      let draws = (32 * batch..<32 * (batch + 1)).compactMap { number in
        source.heldOut(number, seed: seed, size: SmallModel.imageSize).map { Draw($0, number, self, seed) }
      }
      if draws.isEmpty { return [] }
      for figure in try loss(self.batch(draws)).figures { sums[figure.name, default: 0] += Double(figure.value) }
    }
    return sums.sorted { $0.key < $1.key }.map { ("heldOut.\($0.key)", $0.value / Double(batches)) }
  }
}
