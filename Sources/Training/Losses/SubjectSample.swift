import Analysis
import MSDiffusion
import Tensors

// Axes: R subjects of one sample, S those of all samples, N image tokens, T tokens a subject, P phrase width.

/// What one sample of a training batch brings for its subjects.
public struct SubjectSample: Sendable {
  /// Image features of each subject, `[R, N, width]`; projected embeddings `[R, width]` for a linear projector.
  public var images: Tensor
  /// The text encoder's pooled state of each phrase, `[R, P]`.
  public var phrases: Tensor
  public var boxes: [Box]
  /// Prompt tokens of each phrase; empty where the prompt does not hold it or was dropped.
  public var spans: [Range<Int>]
  /// Whether the learned queries replace phrases and boxes in the resampler.
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
    let images = Tensor.concatenated(samples.map(\.images), axis: 0)
    switch projector {
    case .plain(let resampler): return resampler(images)
    case .linear(let projector): return projector(images)
    case .grounding(let resampler): return resampler(images, queries: queries(samples, of: resampler))
    }
  }

  /// Queries of all subjects, `[S, T, D]`: those from phrases and boxes made together, the learned ones between them.
  private func queries(_ samples: [SubjectSample], of resampler: GroundingResampler) -> Tensor {
    let isDropped = samples.flatMap { sample in sample.boxes.map { _ in sample.dropsGrounding } }
    let grounded = samples.filter { !$0.dropsGrounding }
    let dropped = isDropped.count { $0 }
    var parts: [Tensor] = []
    if !grounded.isEmpty {
      parts.append(
        resampler.queries(phrases: .concatenated(grounded.map(\.phrases), axis: 0), boxes: grounded.flatMap(\.boxes)))
    }
    if dropped > 0 { parts.append(resampler.droppedQueries(subjects: dropped)) }
    if parts.count == 1 { return parts[0] }
    var (nextGrounded, nextDropped) = (0, isDropped.count - dropped)
    let order = isDropped.map { isDropped -> Int in
      defer { if isDropped { nextDropped += 1 } else { nextGrounded += 1 } }
      return isDropped ? nextDropped : nextGrounded
    }
    return Tensor.concatenated(parts, axis: 0).gathered(axis: 0, order)
  }
}
