import Analysis
import Tensors

/// The inputs of multi-subject attention for one batch row.
public struct SubjectRow: Sendable {
  /// Dummy tokens, then the tokens of each subject, `[K, C]`; zeros for the unconditional half.
  public var context: Tensor
  /// The box of each subject; a box of all zeros means no layout.
  public var boxes: [Box]
  /// Text tokens of each subject's phrase, one range per subject; empty if the phrase is not in the prompt.
  public var spans: [Range<Int>]
  /// γ of Eq. 2, for all subjects of the row.
  public var scale: Float
  /// One scale per subject, applied after the softmax in place of γ; nil: γ applies.
  public var subjectScales: [Float]?

  /// Stops the program unless there are as many spans, and as many subject scales if any are given, as boxes.
  public init(context: Tensor, boxes: [Box], spans: [Range<Int>], scale: Float, subjectScales: [Float]? = nil) {
    guard spans.count == boxes.count, subjectScales.map({ $0.count == boxes.count }) ?? true else {
      fail(
        "SubjectRow: expected one span and one scale per box, found \(boxes.count) boxes, \(spans.count) spans and "
          + "\(subjectScales?.count ?? boxes.count) scales")
    }
    (self.context, self.boxes, self.spans, self.scale) = (context, boxes, spans, scale)
    self.subjectScales = subjectScales
  }

  /// The context, padded with zeros to a number of tokens: `[count, C]`.
  func context(of count: Int) -> Tensor {
    let missing = count - context.shape[0]
    return missing == 0 ? context : .concatenated([context, .zeros([missing, context.shape[1]])], axis: 0)
  }

  /// The row's counterpart in the unconditional half: its context is zero, and it has no boxes and no phrases.
  var unconditional: SubjectRow {
    SubjectRow(
      context: .zeros(context.shape), boxes: boxes.map { _ in .none }, spans: spans.map { _ in 0..<0 }, scale: scale,
      subjectScales: subjectScales)
  }
}
