import Analysis
import Layers
import MSDiffusion
import Models
import Tensors
import TrainingData

// Axes: B samples, C latent channels, R subjects, S image side, h and w of latents.

/// Trains the U-Net on captions, or an adapter for a frozen U-Net, with the denoising loss and, if asked for, losses on
/// attention.
package struct DenoisingObjective: TrainingObjective {
  /// The models that are used, but not trained.
  package struct Frozen: Sendable {
    let vae: VAE
    let text: CLIPTextEncoder
    let tokenizer: CLIPTokenizer
    /// The image encoder; needed only for an adapter.
    let vision: CLIPVisionEncoder?
    let processor: CLIPImageProcessor

    package init(
      vae: VAE, text: CLIPTextEncoder, tokenizer: CLIPTokenizer, vision: CLIPVisionEncoder?,
      processor: CLIPImageProcessor
    ) {
      (self.vae, self.text, self.tokenizer, self.vision) = (vae, text, tokenizer, vision)
      self.processor = processor
    }
  }

  private let loss: DenoisingLoss
  private let frozen: Frozen
  private let seed: UInt64
  /// Number of samples that are drawn and encoded once and then used again and again; nil: every sample is used once.
  private let reservoir: Int?
  private let samples: PreparedSamples<PreparedSample>
  /// Held-out samples; each of them is nil if the source holds nothing out.
  private let heldOut: PreparedSamples<PreparedSample?>
  /// What the adapter reads of a subject whose image is dropped; nil without an adapter.
  private let featuresWithoutImage: Tensor?
  private let dropping: ConditionDropping
  /// Fraction of subjects that the caption calls "a thing".
  private let unnamedFraction: Float
  package let parameters: [Parameter]
  private let finder: PhraseFinder
  /// The phrases that are past the text encoder's token limit in the source's captions, known before training begins.
  package let truncatedPhrases: [TruncatedPhrase]
  /// One line per pair of phrases that share words of their caption.
  package let overlappingPhrases: [String]

  /// - Parameter reservoir: number of samples that are drawn and encoded once and then used again and again, each time
  ///   with different noise; nil: every sample is used once.
  /// - Throws: errors that the source throws when it looks for phrases in its captions.
  package init(
    loss: DenoisingLoss, frozen: Frozen, source: any SampleSource, seed: UInt64, dropping: ConditionDropping,
    unnamedFraction: Float = 0, reservoir: Int? = nil, parameters: [Parameter]
  ) throws {
    (self.loss, self.frozen, self.seed, self.reservoir) = (loss, frozen, seed, reservoir)
    (self.dropping, self.unnamedFraction, self.parameters) = (dropping, unnamedFraction, parameters)
    finder = PhraseFinder(tokenizer: frozen.tokenizer, length: frozen.text.configuration.positions)
    truncatedPhrases = try source.truncatedPhrases(by: finder)
    overlappingPhrases = source.overlappingPhrases(by: finder)
    let input = loss.adapter?.configuration.projector.imageInput
    let imageSize = loss.unet.configuration.sampleSize * frozen.vae.configuration.factor
    let referenceSize = frozen.vision?.configuration.imageSize ?? imageSize
    featuresWithoutImage = input.map { frozen.featuresWithoutImage(for: $0) }
    samples = PreparedSamples(keeps: reservoir != nil) { index in
      let sample = try source.sample(index, seed: seed, size: imageSize, referenceSize: referenceSize)
      return frozen.prepared(sample, for: input)
    }
    heldOut = PreparedSamples(keeps: true) { index in
      try source.heldOutSample(index, seed: seed ^ Self.heldOutSeed, size: imageSize, referenceSize: referenceSize)
        .map { frozen.prepared($0, for: input) }
    }
  }

  package func loss(samples indices: Range<Int>, step: Int) throws -> StepLoss {
    try stepLoss(indices.map { index in draw(try samples[reservoir.map { index % $0 } ?? index], index, seed: seed) })
  }

  /// A sample with everything that is drawn at random for it.
  private struct Draw {
    let sample: TrainingSample
    let prepared: PreparedSample
    let dropped: ConditionDropping.Dropped
    let timestep: Int
    /// Noise of the autoencoder's posterior, and of the diffusion: `[C, h, w]` each.
    let latentNoise, noise: Tensor
  }

  private func draw(_ prepared: PreparedSample, _ index: Int, seed: UInt64) -> Draw {
    var unnamed = CounterGenerator(seed: seed, sample: index, stream: 4)
    var generator = CounterGenerator(seed: seed, sample: index)
    let timestep = generator.integer(below: loss.diffusion.schedule.count)
    let shape = prepared.mean.shape
    return Draw(
      sample: prepared.sample.unnaming { _ in unnamed.uniform() < unnamedFraction }, prepared: prepared,
      dropped: dropping.dropped(sample: index, seed: seed), timestep: timestep,
      latentNoise: generator.normal(shape), noise: generator.normal(shape))
  }

  /// The mean loss of some samples. If the source has phrases past the text encoder's token limit, the figure
  /// `unseenPhrases` is their mean number per sample.
  private func stepLoss(_ draws: [Draw]) throws -> StepLoss {
    let phrases = try draws.map { try phraseSpans($0) }
    var result = try loss(batch(draws, spans: phrases.map(\.spans)))
    let truncated = phrases.reduce(0) { $0 + $1.truncated }
    if truncated > 0 || !truncatedPhrases.isEmpty {
      result.figures.append(("unseenPhrases", Float(truncated) / Float(draws.count)))
    }
    return result
  }

  /// Caption tokens of each phrase, and the number of phrases past the text encoder's token limit. The spans of such
  /// phrases are empty; if the text is dropped, all spans are.
  /// - Throws: `PhraseError.absent` if the caption does not contain a phrase.
  private func phraseSpans(_ draw: Draw) throws -> (spans: [Range<Int>], truncated: Int) {
    let phrases = draw.sample.subjects.map(\.phrase)
    if draw.dropped.text { return (phrases.map { _ in 0..<0 }, 0) }
    var truncated = 0
    let spans = try finder.spans(of: phrases, in: draw.sample.caption).map { found -> Range<Int> in
      switch found {
      case .success(let span): return span
      case .failure(.beyondEnd):
        truncated += 1
        return 0..<0
      case .failure(let error): throw error
      }
    }
    return (spans, truncated)
  }

  private func batch(_ draws: [Draw], spans: [[Range<Int>]]) -> DenoisingBatch {
    let posterior = VAE.Posterior(
      mean: .stacked(draws.map(\.prepared.mean.tensor), axis: 0),
      logVariance: .stacked(draws.map(\.prepared.logVariance.tensor), axis: 0))
    let clean = frozen.vae.scaled(posterior.sample(noise: .stacked(draws.map(\.latentNoise), axis: 0)))
    let prompts = draws.map { $0.dropped.text ? "" : $0.sample.caption }
    let subjects = loss.adapter == nil ? captionedSubjects(draws, spans) : referredSubjects(draws, spans)
    let count = draws.map(\.sample.subjects.count).max() ?? 0
    let silhouettes = Tensor.stacked(
      draws.map { draw in
        let masks = draw.prepared.silhouettes.tensor
        let missing = [count - masks.shape[0]] + masks.shape.dropFirst()
        return missing[0] == 0 ? masks : .concatenated([masks, .zeros(missing)], axis: 0)
      }, axis: 0)
    return DenoisingBatch(
      clean: clean, noise: .stacked(draws.map(\.noise), axis: 0), timesteps: draws.map(\.timestep),
      text: frozen.text(prompts.map(ids)).lastHidden, subjects: subjects,
      regions: loss.adapter == nil ? .silhouettes(silhouettes) : nil)
  }

  private func ids(_ text: String) -> [Int] {
    frozen.tokenizer.encode(text, length: frozen.text.configuration.positions).ids
  }

  /// Subjects for the base model: only their boxes and the spans of their phrases.
  private func captionedSubjects(_ draws: [Draw], _ spans: [[Range<Int>]]) -> [SubjectSample] {
    zip(draws, spans).map { draw, spans in
      SubjectSample(images: .zeros([0]), phrases: .zeros([0]), boxes: draw.sample.subjects.map(\.box), spans: spans)
    }
  }

  /// Subjects for an adapter, with the image encoder's output for their references, and the pooled output of the text
  /// encoder for their phrases.
  private func referredSubjects(_ draws: [Draw], _ spans: [[Range<Int>]]) -> [SubjectSample] {
    let phrases = frozen.text(draws.flatMap { $0.sample.subjects.map { ids($0.phrase) } }).pooled
    var start = 0
    return zip(draws, spans).map { draw, spans in
      let range = start..<start + draw.sample.subjects.count
      start = range.upperBound
      let features = draw.dropped.image ? nil : draw.prepared.features?.tensor
      return SubjectSample(
        images: features ?? .concatenated(range.compactMap { _ in featuresWithoutImage }, axis: 0),
        phrases: phrases.sliced(axis: 0, range), boxes: draw.sample.subjects.map(\.box), spans: spans,
        dropsGrounding: draw.dropped.grounding)
    }
  }

  /// The parts of the loss, as means over 256 held-out samples, which are the same at every step. Empty if nothing is
  /// held out.
  package func evaluation(step: Int) throws -> [(name: String, value: Double)] {
    var sums: [String: Double] = [:]
    let batches = 8
    for batch in 0..<batches {
      let draws = try (32 * batch..<32 * (batch + 1)).compactMap { index in
        try heldOut[index].map { draw($0, index, seed: seed ^ Self.heldOutSeed) }
      }
      if draws.isEmpty { return [] }
      for figure in try stepLoss(draws).figures { sums[figure.name, default: 0] += Double(figure.value) }
    }
    return sums.sorted { $0.key < $1.key }.map { ("heldOut.\($0.key)", $0.value / Double(batches)) }
  }

  /// The seed of held-out samples is the run's seed XOR this number.
  private static let heldOutSeed: UInt64 = 0x6865_6c64
}
