import Analysis
import Tensors

/// What one batch row of a run brings to multi-subject attention.
public struct SubjectRow: Sendable {
  /// Dummy tokens, then the tokens of each subject, `[K, C]`; zeros for the unconditional half.
  public var context: Tensor
  /// One per subject; all zero: not laid out.
  public var boxes: [Box]
  /// Text tokens of each subject's phrase, one range per subject; empty: none.
  public var spans: [Range<Int>]
  /// γ of Eq. 2.
  public var scale: Float
  /// Scales of the subjects' columns after the softmax, in place of γ.
  public var subjectScales: [Float]?

  public init(context: Tensor, boxes: [Box], spans: [Range<Int>], scale: Float, subjectScales: [Float]? = nil) {
    guard spans.count == boxes.count, subjectScales.map({ $0.count == boxes.count }) ?? true else {
      fail(
        "SubjectRow: \(boxes.count) boxes, \(spans.count) spans, \(subjectScales?.count ?? boxes.count) scales; "
          + "expected one per subject")
    }
    (self.context, self.boxes, self.spans, self.scale) = (context, boxes, spans, scale)
    self.subjectScales = subjectScales
  }

  /// The context with zeros up to a number of tokens: `[count, C]`.
  func context(of count: Int) -> Tensor {
    let missing = count - context.shape[0]
    return missing == 0 ? context : .concatenated([context, .zeros([missing, context.shape[1]])], axis: 0)
  }

  /// The same row as the unconditional half has it: zeros for the image, no boxes, no phrases.
  var unconditional: SubjectRow {
    SubjectRow(
      context: .zeros(context.shape), boxes: boxes.map { _ in .none }, spans: spans.map { _ in 0..<0 }, scale: scale,
      subjectScales: subjectScales)
  }
}
