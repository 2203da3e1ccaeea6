import Analysis
import MSDiffusion
import Tensors

// Axes: R subjects of one sample, S subjects of all samples, N image tokens, T tokens per subject, C context width, P
// phrase width.

/// The subjects of one sample in a training batch.
public struct SubjectSample: Sendable {
  /// The image encoder's output for each subject, `[R, N, width]` or `[R, width]`; the projector's `imageInput` says
  /// which.
  public var images: Tensor
  /// The text encoder's pooled state of each phrase, `[R, P]`.
  public var phrases: Tensor
  /// The box of each subject.
  public var boxes: [Box]
  /// Prompt tokens of each phrase; empty if the prompt was dropped, or does not contain the phrase.
  public var spans: [Range<Int>]
  /// Whether subject tokens are computed without phrases and boxes.
  public var dropsGrounding: Bool

  public init(
    images: Tensor, phrases: Tensor, boxes: [Box], spans: [Range<Int>], dropsGrounding: Bool = false
  ) {
    (self.images, self.phrases, self.boxes, self.spans) = (images, phrases, boxes, spans)
    self.dropsGrounding = dropsGrounding
  }
}

extension Adapter {
  /// One row of subject attention per sample. The subjects of all samples are projected together. Samples with fewer
  /// subjects than others are padded later, with subjects that have no region.
  /// - Parameter scale: γ, which is 1 in the published training.
  public func rows(_ samples: [SubjectSample], scale: Float = 1) -> [SubjectRow] {
    let counts = samples.map(\.boxes.count)
    let tokens = counts.contains { $0 > 0 } ? subjectTokens(samples.filter { !$0.boxes.isEmpty }) : nil
    var start = 0
    return samples.map { sample in
      defer { start += sample.boxes.count }
      let sampleTokens = tokens.map { tokens in
        tokens.sliced(axis: 0, start..<start + sample.boxes.count).reshaped([-1, contextWidth])
      }
      let context =
        sample.boxes.isEmpty ? dummyContext : .concatenated([dummyContext] + (sampleTokens.map { [$0] } ?? []), axis: 0)
      return SubjectRow(context: context, boxes: sample.boxes, spans: sample.spans, scale: scale)
    }
  }

  /// Tokens of all subjects, `[S, T, C]`.
  private func subjectTokens(_ samples: [SubjectSample]) -> Tensor {
    projector(
      .concatenated(samples.map(\.images), axis: 0), phrases: .concatenated(samples.map(\.phrases), axis: 0),
      boxes: samples.flatMap(\.boxes),
      dropsGrounding: samples.flatMap { sample in sample.boxes.map { _ in sample.dropsGrounding } })
  }
}
