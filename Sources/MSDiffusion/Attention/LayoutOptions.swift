import Analysis

/// How the subjects of a scene are kept apart in cross-attention.
public struct LayoutOptions: Sendable, Equatable {
  /// Whether and when text attention replaces the boxes (appendix M).
  public var pseudoLayout: PseudoLayout?
  /// Whether the text columns of a phrase are confined to its subject's box too (appendix K).
  public var masksText = false
  /// Eq. 6. Without it dummy tokens fill the background, as in a fused variant of the published implementation.
  public var zeroesBackground = true
  /// Whether subjects are confined to their boxes at all. Without it every position sees all subjects of its sample and no
  /// dummy token, as if their tokens were one image prompt. For ablations.
  public var confinesSubjects = true

  public init() {}
}
