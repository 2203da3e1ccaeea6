/// When in a run an event happens.
public struct Moment: Sendable, Equatable {
  /// What the run is doing, as `denoising`. An open set: a phase is declared by what runs it.
  public struct Phase: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let name: String

    public init(stringLiteral name: String) { self.name = name }

    /// A forward pass that belongs to no longer run.
    public static let forward: Phase = "forward"

    public var description: String { name }
  }

  public var phase: Phase
  /// What the phase works on, in words, as `prompt`; empty where there is only one thing.
  public var subject: String
  /// Index of the step, from 0; nil in a phase without steps.
  public var step: Int?
  /// Batch rows that a question about samples means, one per sample; nil: all rows.
  public var rows: Range<Int>?
  /// Further numbers that belong to the moment, by name.
  public var numbers: [String: Float]

  public init(
    _ phase: Phase = .forward, subject: String = "", step: Int? = nil, rows: Range<Int>? = nil,
    numbers: [String: Float] = [:]
  ) {
    (self.phase, self.subject, self.step, self.rows, self.numbers) = (phase, subject, step, rows, numbers)
  }
}

/// What a run is going to do, as far as it is known before: what hooks are checked against.
public struct RunOutline: Sendable {
  /// Number of steps.
  public var steps: Int?
  /// Feature map sizes that the run will meet.
  public var grids: Set<FeatureGrid>?
  /// Why a point cannot fire in this run; nil where it can.
  public var absence: @Sendable (HookPoint) -> String?
  /// Whether a point fires in steps; one that does not never fires for a hook that names steps.
  public var hasSteps: @Sendable (HookPoint) -> Bool

  public init(
    steps: Int? = nil, grids: Set<FeatureGrid>? = nil,
    absence: @escaping @Sendable (HookPoint) -> String? = { _ in nil },
    hasSteps: @escaping @Sendable (HookPoint) -> Bool = { _ in true }
  ) {
    (self.steps, self.grids, self.absence, self.hasSteps) = (steps, grids, absence, hasSteps)
  }
}
