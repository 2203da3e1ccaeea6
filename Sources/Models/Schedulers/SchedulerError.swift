/// An error in a scheduler's options.
public enum SchedulerError: Error, Equatable, CustomStringConvertible {
  /// An option of a configuration has a value that is not supported.
  case unsupported(option: String, found: String, supported: String)
  /// No scheduler has this name or class.
  case unknown(name: String, known: [String])
  /// The scheduler cannot take this number of steps.
  case steps(found: Int, limit: Int, scheduler: String)

  public var description: String {
    switch self {
    case .unsupported(let option, let found, let supported): "\(option) is \(found), supported: \(supported)"
    case .unknown(let name, let known): "no scheduler is called '\(name)'; available: \(known.joined(separator: ", "))"
    case .steps(let found, let limit, let scheduler):
      "the scheduler \(scheduler) cannot take \(found) steps, expected 1 to \(limit)"
    }
  }
}
