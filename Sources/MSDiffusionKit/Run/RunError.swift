/// A fault in an experiment's options, references or output files.
public enum RunError: Error, Equatable, CustomStringConvertible {
  /// No bundled emoji or photograph has this name.
  case unknownReference(name: String, known: [String])
  /// A command-line option has an invalid value, is missing, or does not apply.
  case option(name: String, found: String, expected: String)
  /// A file or folder cannot be used for the reason given.
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .unknownReference(let name, let known):
      "no emoji or photograph is called '\(name)'; there are \(known.joined(separator: ", ")); "
        + "you can also give the path of any image"
    case .option(let name, let found, let expected): "\(name) is \(found), expected \(expected)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
