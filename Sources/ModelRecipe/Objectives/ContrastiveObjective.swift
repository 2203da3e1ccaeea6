import Layers
import Models
import Tensors
import Training
import TrainingData

// Axes: B samples, P embedding width.

/// Trains text and image encoder together (Radford et al., 2021). Three kinds of pairs are contrasted: crops and the
/// names of their kinds, scenes and their captions, and two crops of the same identity. The last kind makes the image
/// encoder keep looks that words do not describe.
struct ContrastiveObjective: TrainingObjective {
  /// Similarities are divided by this before the softmax.
  static let temperature: Float = 0.07

  let text: CLIPTextEncoder
  let vision: CLIPVisionEncoder
  let tokenizer: CLIPTokenizer
  let processor: CLIPImageProcessor
  let world: EmojiWorld
  let seed: UInt64
  let parameters: [Parameter]

  func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
    let identities = samples.map { identity($0) }
    let first = embedded(zip(samples, identities).map { crop($1, 2 * $0) })
    let second = embedded(zip(samples, identities).map { crop($1, 2 * $0 + 1) })
    let names = embedded(identities.map { world.kinds[$0.kind].name })
    let scenes = samples.map { index in
      var unnamed = CounterGenerator(seed: seed, sample: index, stream: 4)
      return world.sample(index, seed: seed, size: SmallModel.referenceSize)
        .unnaming { _ in unnamed.uniform() < TrainingStage.unnamedFraction }
    }
    let pictures = embedded(scenes.map { normalized(($0.image + 1) / 2) })
    let captions = embedded(scenes.map(\.caption))
    let crops = Self.loss(first, second, same: Self.equal(identities))
    let words = Self.loss(first, names, same: Self.equal(identities.map(\.kind)))
    let sentences = Self.loss(pictures, captions, same: Self.equal(scenes.map(\.caption)))
    return StepLoss(
      crops + words + sentences,
      figures: [("crops", crops.item), ("words", words.item), ("sentences", sentences.item)])
  }

  /// The identity of a sample's crops. Four consecutive samples share a kind and mostly differ in hue or design, so
  /// that the encoder has to distinguish looks, not only kinds.
  private func identity(_ sample: Int) -> Identity {
    var generator = CounterGenerator(seed: seed, sample: sample / 4, stream: 1)
    let kind = world.trainingKinds[generator.integer(below: world.trainingKinds.count)]
    var looks = CounterGenerator(seed: seed, sample: sample, stream: 2)
    let hues = world.hues(of: kind, in: .training)
    return Identity(
      kind: kind, hue: hues[looks.integer(below: hues.count)],
      design: looks.integer(below: world.kinds[kind].designs.count))
  }

  private func crop(_ identity: Identity, _ number: Int) -> Tensor {
    var generator = CounterGenerator(seed: seed, sample: number, stream: 3)
    return normalized(world.crop(of: identity, size: SmallModel.referenceSize, seed: generator.next()))
  }

  private func normalized(_ image: Tensor) -> Tensor {
    (image - Tensor(processor.mean, shape: [3, 1, 1])) / Tensor(processor.standardDeviation, shape: [3, 1, 1])
  }

  /// Unit embeddings of images `[3, S, S]`: `[B, P]`.
  private func embedded(_ images: [Tensor]) -> Tensor { Self.unit(vision(.stacked(images, axis: 0)).imageEmbedding) }

  /// Unit embeddings of texts: `[B, P]`.
  private func embedded(_ texts: [String]) -> Tensor {
    Self.unit(text(texts.map { tokenizer.encode($0, length: SmallModel.textLength).ids }).pooled)
  }

  private static func unit(_ x: Tensor) -> Tensor {
    x / (x.square().sum(axes: [1], keepingAxes: true) + 1e-8).sqrt()
  }

  /// 1 for two samples with equal values, 0 for all others: `[B, B]`.
  private static func equal<Value: Equatable>(_ values: [Value]) -> Tensor {
    Tensor(values.flatMap { a in values.map { a == $0 ? 1 : 0 } }, shape: [values.count, values.count])
  }

  /// Cross-entropy in both directions, from `a` to `b` and from `b` to `a`. If a sample has several matches, they all
  /// have the same weight.
  private static func loss(_ a: Tensor, _ b: Tensor, same: Tensor) -> Tensor {
    let target = same / same.sum(axes: [1], keepingAxes: true)
    let similarity = a.matmul(b.transposed()) / temperature
    func entropy(_ logits: Tensor) -> Tensor {
      -((logits.softmax() + 1e-9).log() * target).sum() / Float(logits.shape[0])
    }
    return (entropy(similarity) + entropy(similarity.transposed())) * 0.5
  }

  /// How often the most similar of 20 candidates is the right one, on held-out identities. In one task the candidates
  /// for a crop are other crops, one of them of the same identity; in the other task they are captions for a scene.
  func evaluation(step: Int) throws -> [(name: String, value: Double)] {
    var (crops, captions, queries) = (0, 0, 0)
    for round in 0..<10 {
      let scenes = (0..<20).map {
        world.sample(
          20 * round + $0, seed: seed ^ 0x6865_6c64, split: .heldOutIdentities, size: SmallModel.referenceSize)
      }
      let identities = scenes.compactMap { $0.subjects.first?.identity }
      let first = embedded(identities.enumerated().map { crop($1, -2 * (20 * round + $0) - 1) })
      let second = embedded(identities.enumerated().map { crop($1, -2 * (20 * round + $0) - 2) })
      crops += Self.hits(first.matmul(second.transposed()), same: Self.equal(identities))
      let pictures = embedded(scenes.map { normalized(($0.image + 1) / 2) })
      let sentences = embedded(scenes.map(\.caption))
      captions += Self.hits(pictures.matmul(sentences.transposed()), same: Self.equal(scenes.map(\.caption)))
      queries += 20
    }
    return [
      ("heldOutCropsFound", Double(crops) / Double(queries)),
      ("heldOutCaptionsFound", Double(captions) / Double(queries)),
    ]
  }

  /// Number of rows in which the column of greatest similarity is a match.
  private static func hits(_ similarity: Tensor, same: Tensor) -> Int {
    (0..<similarity.shape[0]).count { row in
      same[row, similarity.sliced(axis: 0, row..<row + 1).argMax()] == 1
    }
  }
}
