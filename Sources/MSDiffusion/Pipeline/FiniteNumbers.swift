import Checkpoints
import Tensors

// Axes: B samples of all scenes, C channels, h and w latent height and width.

/// The state of a generation before the step in which it failed.
public struct UnfinishedLatents: Sendable, Equatable {
  /// Number of steps taken.
  public let steps: Int
  /// The latents after these steps, `[B, C, h, w]`.
  public let latents: Tensor

  package init(steps: Int, latents: Tensor) { (self.steps, self.latents) = (steps, latents) }
}

extension Pipeline {
  /// Checks a tensor that a part of the model has computed.
  /// - Parameters:
  ///   - place: what the tensor is, for the message.
  ///   - part: the part that computed it from finite numbers, whose weights are searched for the cause; nil: none is
  ///     searched.
  ///   - unfinished: the steps that the generation completed before, with their latents.
  /// - Throws: ``PipelineError/notFinite(place:weight:unfinished:)`` if it contains NaN or infinity.
  func requireFinite(
    _ tensor: Tensor, _ place: @autoclosure () -> String, from part: ModelPart?, unfinished: UnfinishedLatents? = nil
  ) throws {
    guard !tensor.isFinite else { return }
    throw PipelineError.notFinite(
      place: place(), weight: part.flatMap { firstBrokenWeight(of: $0) }, unfinished: unfinished)
  }

  /// The key of a part's first weight that contains NaN or infinity, with the checkpoint's path; nil if there is none.
  private func firstBrokenWeight(of part: ModelPart) -> String? {
    guard let checkpoint = sources[part]?.checkpoint else { return nil }
    let key = checkpoint.keys.first { key in
      guard let tensor = try? checkpoint.stored(key).tensor else { return false }
      return !tensor.isFinite
    }
    return key.map { "'\($0)' in \(checkpoint.path)" }
  }

  /// Checks all tensors of a scene's conditions.
  /// - Throws: ``PipelineError/notFinite(place:weight:unfinished:)``.
  func requireFinite(_ conditions: Conditions) throws {
    let encoder = text.count > 1 ? ModelPart.secondTextEncoder : .textEncoder
    for (tensor, place, part) in [
      (conditions.text, "the text states of the prompt", ModelPart.textEncoder),
      (conditions.negativeText, "the text states of the negative prompt", .textEncoder),
      (conditions.pooled, "the pooled text state of the prompt", encoder),
      (conditions.negativePooled, "the pooled text state of the negative prompt", encoder),
      (conditions.phrases, "the text states of the phrases", .textEncoder),
      (conditions.imageFeatures, "the image features of the references", .imageEncoder),
      (conditions.imageEmbeddings, "the image embeddings of the references", .imageEncoder),
      (conditions.subjectTokens, "the subject tokens", .adapter),
    ] {
      try requireFinite(tensor, place, from: part)
    }
  }
}
