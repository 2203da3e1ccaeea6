/// A fault in an experiment's options, references or output files.
public enum RunError: Error, Equatable, CustomStringConvertible {
  case unknownReference(name: String, known: [String])
  case option(name: String, found: String, expected: String)
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .unknownReference(let name, let known):
      "no emoji or photograph is called '\(name)'; there are \(known.joined(separator: ", ")); the path of any image works, too"
    case .option(let name, let found, let expected): "\(name) is \(found), expected \(expected)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
