import Analysis
import Checkpoints
import Foundation
import Images
import Layers
import Models
import Tensors

// Axes: R subjects, N image tokens, K text tokens, T tokens per subject, C context width, P pooled width.

/// A scene's encoded texts and images, the inputs to denoising. Every part can be changed before it is used, for
/// example to interpolate between two scenes.
public struct Conditions: Sendable {
  /// Text states of the prompt and of the negative prompt, `[K, C]` each, with K = 77 for published models.
  public var text, negativeText: Tensor
  /// Pooled states of the prompt and of the negative prompt, `[P]` each; used only if the U-Net takes pooled text.
  public var pooled, negativePooled: Tensor
  /// The first text encoder's pooled state of each phrase, `[R, width]`.
  public var phrases: Tensor
  /// The image encoder's second-to-last hidden state of each subject's reference, `[R, N, width]`.
  public var imageFeatures: Tensor
  /// The image encoder's pooled and projected embedding of each subject's reference, `[R, width]`.
  public var imageEmbeddings: Tensor
  /// The projector's tokens of each subject, `[R, T, C]`.
  public var subjectTokens: Tensor
  /// Prompt tokens of each subject's phrase, found by the scene's own rule, or the reason why there are none.
  public var phraseSpans: [Result<Range<Int>, PhraseError>]
  /// Messages for the user about prompts that are too long, phrases that have no tokens in the prompt or share tokens,
  /// masks that select the whole picture, and references that are entirely black.
  public var warnings: [String]

  /// Prompt tokens of each subject's phrase; empty if the phrase was not found.
  public var spans: [Range<Int>] {
    phraseSpans.map { span in
      switch span {
      case .success(let tokens): tokens
      case .failure: 0..<0
      }
    }
  }
}

extension Pipeline {
  /// Encodes a scene's texts and images.
  /// - Throws: `PhraseError` if the layout options need a phrase that was not found; ``PipelineError`` if the scene has
  ///   subjects, but the model has no image encoder or no adapter, or if a number, a mask or a crop is invalid;
  ///   `AnalysisError.invalidBox`.
  public func conditions(for scene: Scene) throws -> Conditions {
    try conditions(for: scene, in: HookSession([], catalog: hooks))
  }

  /// Encodes a scene's texts and images within a hook session.
  func conditions(for scene: Scene, in session: HookSession) throws -> Conditions {
    func encoding<Result>(_ subject: String, _ body: () throws -> Result) throws -> Result {
      try session.during(Moment(.encoding, subject: subject), body)
    }
    try scene.check()
    // Frees the denoiser's weights from the last generation before the encoders run: a large model is never in memory
    // as a whole.
    release([.unet, .vae])
    let references = scene.subjects.enumerated().map { $1.referenceWithWarnings(number: $0 + 1) }
    var warnings = references.flatMap(\.warnings)
    let (text, pooled) = try encoding("prompt") { encode(prompt: scene.prompt, as: "prompt", warnings: &warnings) }
    var (negativeText, negativePooled) = try encoding("negative prompt") {
      encode(prompt: scene.negativePrompt ?? "", as: "negative prompt", warnings: &warnings)
    }
    if scene.negativePrompt == nil && zeroesEmptyNegative {
      (negativeText, negativePooled) = (.zeros(text.shape), .zeros(pooled.shape))
    }
    let spans = try phraseSpans(of: scene, warnings: &warnings)
    let phrases = try encoding("phrases") { encode(phrases: scene.phrases) }
    release([.textEncoder, .secondTextEncoder])
    let encoded = try encoding("references") { try encode(images: references.map(\.reference)) }
    var conditions = Conditions(
      text: text, negativeText: negativeText, pooled: pooled, negativePooled: negativePooled, phrases: phrases,
      imageFeatures: encoded.features, imageEmbeddings: encoded.embeddings, subjectTokens: .zeros([0]),
      phraseSpans: spans, warnings: warnings)
    conditions.subjectTokens = try encoding("subject tokens") { try subjectTokens(of: scene, conditions) }
    release([.imageEncoder])
    return conditions
  }

  /// Frees the memory of weights that are not needed at present; their files stay mapped.
  private func release(_ parts: [ModelPart]) {
    for part in parts { sources[part]?.checkpoint.release() }
  }

  /// The prompt's token states `[K, C]`, with the states of all text encoders side by side, and the last encoder's
  /// pooled state `[P]`.
  package func encode(prompt: String, as name: String, warnings: inout [String]) -> (text: Tensor, pooled: Tensor) {
    var states: [Tensor] = []
    var pooled = Tensor.zeros([0])
    for branch in text {
      let length = branch.encoder.configuration.positions
      let encoding = branch.tokenizer.encode(prompt, length: length)
      if !encoding.cutText.isEmpty, states.isEmpty {
        warnings.append("the \(name) is longer than \(length) tokens; its end was cut: '\(encoding.cutText)'")
      }
      let output = branch.encoder([encoding.ids])
      let state = readsLastState ? output.lastHidden : output.penultimate
      states.append(state.reshaped([length, -1]))
      pooled = (output.projected ?? output.pooled).reshaped([-1])
    }
    return (.concatenated(states, axis: 1), pooled)
  }

  /// The first text encoder's pooled state of each phrase, `[R, width]`.
  package func encode(phrases: [String]) -> Tensor {
    let branch = text[0]
    guard !phrases.isEmpty else { return .zeros([0, branch.encoder.configuration.width]) }
    let rows = phrases.map { branch.tokenizer.encode($0, length: branch.encoder.configuration.positions).ids }
    return branch.encoder(rows).pooled
  }

  /// Image features `[R, N, width]` and projected embeddings `[R, width]`.
  /// - Throws: `PipelineError.missingPart` if there are images, but no image encoder or no adapter.
  package func encode(images: [PixelImage]) throws -> (features: Tensor, embeddings: Tensor) {
    if images.isEmpty { return (.zeros([0, 0, 0]), .zeros([0, 0])) }
    guard let image, adapter != nil else {
      throw PipelineError.missingPart(
        folder: folder, part: (image == nil ? ModelPart.imageEncoder : .adapter).description,
        needed: "scenes with subjects need an image encoder and an adapter")
    }
    // A few images at a time: they share the reading of the weights, which takes as long as one image's arithmetic.
    let outputs = stride(from: 0, to: images.count, by: 4).map { first in
      let pixels = images[first..<min(first + 4, images.count)].map { image.processor($0) }
      return image.encoder(.stacked(pixels, axis: 0), keepsAllStates: false)
    }
    return (
      .concatenated(outputs.map(\.penultimate), axis: 0), .concatenated(outputs.map(\.imageEmbedding), axis: 0)
    )
  }

  /// The projector's tokens from image features, phrases and boxes: `[R, T, C]`; empty without an adapter or without
  /// subjects.
  public func subjectTokens(of scene: Scene, _ conditions: Conditions) throws -> Tensor {
    guard let adapter, !scene.subjects.isEmpty else { return .zeros([0, adapter?.tokens ?? 0, 0]) }
    let input = adapter.configuration.projector.imageInput
    return adapter.projector(
      input.chosen(states: conditions.imageFeatures, embedding: conditions.imageEmbeddings),
      phrases: conditions.phrases, boxes: scene.subjects.map(\.box),
      dropsGrounding: scene.subjects.map { _ in scene.dropsGrounding })
  }
}
