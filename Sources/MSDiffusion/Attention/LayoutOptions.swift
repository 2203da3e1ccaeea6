import Analysis

/// How the subjects of a scene are kept apart in cross-attention.
public struct LayoutOptions: Sendable, Equatable {
  /// How a layout from text attention replaces the boxes (appendix M); nil: the boxes stay.
  public var pseudoLayout: PseudoLayout?
  /// Whether attention to the text tokens of a phrase is also confined to its subject's box (appendix K).
  public var masksText = false
  /// Whether the subjects' attention is zero in the background (Eq. 6). Otherwise the dummy tokens act there, as in a
  /// fused variant of the published implementation.
  public var zeroesBackground = true
  /// Whether subjects are confined to their boxes. Otherwise every position attends to all subjects of its sample and
  /// to no dummy token, as if their tokens were one image prompt. For ablations.
  public var confinesSubjects = true

  public init() {}
}
