/// An error in a scheduler's options.
public enum SchedulerError: Error, Equatable, CustomStringConvertible {
  case unsupported(option: String, found: String, supported: String)
  case unknown(name: String, known: [String])
  case steps(found: Int, limit: Int, scheduler: String)

  public var description: String {
    switch self {
    case .unsupported(let option, let found, let supported): "\(option) is \(found), supported: \(supported)"
    case .unknown(let name, let known): "no scheduler is called '\(name)'; available: \(known.joined(separator: ", "))"
    case .steps(let found, let limit, let scheduler):
      "\(found) steps for the scheduler \(scheduler), expected 1 to \(limit)"
    }
  }
}
