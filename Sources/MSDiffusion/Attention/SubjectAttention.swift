import Layers
import Models

/// The subject branch of one cross-attention layer: its key and value projections and its hook points.
public struct SubjectAttention: Sendable {
  let layer: CrossAttention
  package let toSubjectK, toSubjectV: Linear
  let pattern, unmaskedPattern, values, contribution: HookPoint

  package init(_ scope: Scope, beside layer: CrossAttention) throws {
    self.layer = layer
    toSubjectK = try Linear(scope["to_k_ip"], layer.contextWidth, layer.width, bias: false)
    toSubjectV = try Linear(scope["to_v_ip"], layer.contextWidth, layer.width, bias: false)
    pattern = layer.hook("subject_pattern", .subjectAttention, axes: .batch, .head, .query, .key)
    unmaskedPattern = layer.hook(
      "subject_pattern_unmasked", .subjectAttentionUnmasked, axes: .batch, .head, .query, .key)
    values = layer.hook("subject_value", .subjectValue, axes: .batch, .token, .channel)
    contribution = layer.hook("subject_contribution", .subjectContribution, axes: .batch, .query, .subject)
  }
}

extension HookKind {
  /// Softmax over dummy and subject tokens, masked by the layout (Eq. 5); zero at background positions, unless the
  /// background attends to the dummy tokens (Eq. 6).
  public static let subjectAttention: HookKind = "subjectAttention"
  /// Softmax over dummy and subject tokens without the layout mask; computed only if it is observed.
  public static let subjectAttentionUnmasked: HookKind = "subjectAttentionUnmasked"
  /// Values of the subject branch, one row per dummy or subject token.
  public static let subjectValue: HookKind = "subjectValue"
  /// ‖γ W_O A V‖, the norm of what each subject adds to each position, with γ the subjects' scale (Eq. 2); computed
  /// only if it is observed.
  public static let subjectContribution: HookKind = "subjectContribution"
}

extension Axis {
  /// Subjects of a sample.
  public static let subject: Axis = "subject"
}
