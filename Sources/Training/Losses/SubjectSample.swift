import Analysis
import MSDiffusion
import Tensors

// Axes: R subjects of one sample, S those of all samples, N image tokens, T tokens per subject, P phrase width.

/// What one sample of a training batch brings for its subjects.
public struct SubjectSample: Sendable {
  /// What the adapter's projector reads of each subject's image, as its `ImageInput` says: `[R, N, width]` or
  /// `[R, width]`.
  public var images: Tensor
  /// The text encoder's pooled state of each phrase, `[R, P]`.
  public var phrases: Tensor
  public var boxes: [Box]
  /// Prompt tokens of each phrase; empty where the prompt does not hold it or was dropped.
  public var spans: [Range<Int>]
  /// Whether tokens are made without phrases and boxes.
  public var dropsGrounding: Bool

  public init(
    images: Tensor, phrases: Tensor, boxes: [Box], spans: [Range<Int>], dropsGrounding: Bool = false
  ) {
    (self.images, self.phrases, self.boxes, self.spans) = (images, phrases, boxes, spans)
    self.dropsGrounding = dropsGrounding
  }
}

extension Adapter {
  /// Rows of attention for samples, all their subjects projected together. Samples may have different numbers of
  /// subjects: those with fewer are padded later, with subjects that are nowhere.
  /// - Parameter scale: γ, 1 as published for training.
  public func rows(_ samples: [SubjectSample], scale: Float = 1) -> [SubjectRow] {
    let counts = samples.map(\.boxes.count)
    let tokens = counts.contains { $0 > 0 } ? subjectTokens(samples.filter { !$0.boxes.isEmpty }) : nil
    var start = 0
    return samples.map { sample in
      defer { start += sample.boxes.count }
      let own = tokens.map { tokens in
        tokens.sliced(axis: 0, start..<start + sample.boxes.count).reshaped([-1, contextWidth])
      }
      let context =
        sample.boxes.isEmpty ? dummyContext : .concatenated([dummyContext] + (own.map { [$0] } ?? []), axis: 0)
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
