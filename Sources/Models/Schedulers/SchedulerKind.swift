/// A kind of scheduler: one of the package's, or any other type that is a ``Scheduler``.
public struct SchedulerKind: Sendable, CaseIterable, CustomStringConvertible {
  /// The schedulers that can be chosen by name, on the command line and by checkpoints. Register new schedulers here.
  public static let allCases: [SchedulerKind] = [
    .euler, .eulerAncestral, .ddim, .ddpm, .dpmSolver, .uniPC, .lcm, .pndm,
  ]

  let type: any Scheduler.Type

  /// Makes a kind of your own scheduler type, to be used like the package's kinds.
  public init(_ type: any Scheduler.Type) { self.type = type }

  /// The name on the command line.
  public var name: String { type.name }
  /// The name of the diffusers class.
  public var className: String { type.className }
  /// Which of the options that not all schedulers read this scheduler reads.
  public var options: Set<SchedulerOption> { type.options }

  public var description: String { name }

  /// The scheduler with this name on the command line, or with this diffusers class.
  /// - Throws: ``SchedulerError/unknown(name:known:)`` if there is none.
  public static func named(_ name: String) throws -> SchedulerKind {
    guard let kind = allCases.first(where: { $0.name == name }) ?? ofClass(name) else {
      throw SchedulerError.unknown(name: name, known: allCases.map(\.name))
    }
    return kind
  }

  static func ofClass(_ className: String) -> SchedulerKind? { allCases.first { $0.type.className == className } }

  /// A scheduler that takes a number of steps.
  ///
  /// If the configuration has an unsupported option that this scheduler's class in diffusers reads, an error is thrown.
  /// If the configuration names this scheduler's own class and asks for Karras's noise levels, but the scheduler does
  /// not support them, an error is thrown; if it names a different class, the request for these noise levels is
  /// ignored.
  /// - Throws: ``SchedulerError`` for an unsupported option or number of steps.
  public func make(configuration: SchedulerConfiguration, steps: Int) throws -> any Scheduler {
    let limit = type.stepLimit(configuration)
    guard steps >= 1, steps <= limit else {
      throw SchedulerError.steps(found: steps, limit: limit, scheduler: name)
    }
    try configuration.checkOptions(of: type.className)
    let option = SchedulerOption.karrasSigmas
    if configuration.usesKarrasSigmas, configuration.className == type.className, !type.options.contains(option) {
      let able = Self.allCases.filter { $0.type.options.contains(option) }
      throw SchedulerError.unsupported(
        option: "\(option.rawValue) of \(name)", found: "true", supported: able.map(\.name).joined(separator: ", "))
    }
    return try type.init(configuration, steps: steps)
  }
}

extension SchedulerKind: Hashable {
  public static func == (one: SchedulerKind, other: SchedulerKind) -> Bool { one.name == other.name }
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
