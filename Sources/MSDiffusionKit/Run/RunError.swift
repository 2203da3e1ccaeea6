/// What is wrong with how an experiment is run.
public enum RunError: Error, Equatable, CustomStringConvertible {
  case unknownReference(name: String, known: [String])
  case option(name: String, found: String, expected: String)
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .unknownReference(let name, let known):
      "no emoji or photograph is called '\(name)'; there are \(known.joined(separator: ", ")), and any path to an image will do"
    case .option(let name, let found, let expected): "\(name) is \(found), expected \(expected)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
