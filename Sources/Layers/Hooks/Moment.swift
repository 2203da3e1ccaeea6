/// The point in a run at which an event happens.
public struct Moment: Sendable, Equatable {
  /// What a run is doing, such as `denoising`. This is an open set: a phase is declared next to the code that runs it.
  public struct Phase: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let name: String

    public init(stringLiteral name: String) { self.name = name }

    /// A single forward pass outside of a longer run.
    public static let forward: Phase = "forward"

    public var description: String { name }
  }

  public var phase: Phase
  /// The input that is being processed, such as `prompt`; empty if the phase has only one input.
  public var subject: String
  /// Index of the step, counted from 0; nil in a phase without steps.
  public var step: Int?
  /// The batch rows of the samples, one row per sample, to which sample indices refer; nil: all rows.
  public var rows: Range<Int>?
  /// Other numbers that belong to the moment, by name.
  public var numbers: [String: Float]

  public init(
    _ phase: Phase = .forward, subject: String = "", step: Int? = nil, rows: Range<Int>? = nil,
    numbers: [String: Float] = [:]
  ) {
    (self.phase, self.subject, self.step, self.rows, self.numbers) = (phase, subject, step, rows, numbers)
  }
}

/// The facts about a run that are known before it starts. Hooks are checked against these facts.
public struct RunOutline: Sendable {
  /// Number of steps; nil: not known.
  public var steps: Int?
  /// The feature map sizes of the run; nil: not known.
  public var grids: Set<FeatureGrid>?
  /// Returns the reason why a point cannot fire in this run; nil if it can.
  public var reasonUnavailable: @Sendable (HookPoint) -> String?
  /// Whether a point fires during steps. If not, a hook that selects steps never fires there.
  public var hasSteps: @Sendable (HookPoint) -> Bool

  public init(
    steps: Int? = nil, grids: Set<FeatureGrid>? = nil,
    reasonUnavailable: @escaping @Sendable (HookPoint) -> String? = { _ in nil },
    hasSteps: @escaping @Sendable (HookPoint) -> Bool = { _ in true }
  ) {
    (self.steps, self.grids) = (steps, grids)
    (self.reasonUnavailable, self.hasSteps) = (reasonUnavailable, hasSteps)
  }
}
