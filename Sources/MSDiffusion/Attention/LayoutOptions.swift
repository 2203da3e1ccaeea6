import Analysis

/// How the subjects of a scene are kept apart in cross-attention.
public struct LayoutOptions: Sendable, Equatable {
  /// The rule by which a layout derived from text attention replaces the boxes (appendix M); nil: the boxes stay.
  public var pseudoLayout: PseudoLayout?
  /// Whether text attention is confined too: only positions in a subject's box attend to the text tokens of the
  /// subject's phrase (appendix K).
  public var masksText = false
  /// Whether the subject branch adds nothing in the background (Eq. 6). Otherwise the background attends to the dummy
  /// tokens, as in a fused variant of the published implementation.
  public var zeroesBackground = true
  /// Whether subjects are confined to their boxes. Otherwise every position attends to all subjects of its sample and
  /// to no dummy token, as if the subjects were one image prompt; this is used in ablations.
  public var confinesSubjects = true

  public init() {}
}
