/// Errors in training data.
public enum TrainingDataError: Error, Equatable, CustomStringConvertible {
  /// There is no emoji font, or the font cannot be used.
  case font(path: String, expected: String, found: String)
  /// The list `held-out.json` does not match the kinds.
  case heldOut(location: String, expected: String, found: String)
  /// A name that no kind has.
  case unknownKind(name: String, near: [String])
  /// A faulty entry in the list of a data folder, or a list that cannot be read.
  case entry(file: String, location: String, expected: String, found: String)
  /// An index outside a data folder.
  case noSample(folder: String, index: Int, count: Int)

  public var description: String {
    switch self {
    case .font(let path, let expected, let found):
      "\(path): expected \(expected), found \(found); install Debian's package fonts-noto-color-emoji "
        + "(apt-get install fonts-noto-color-emoji) or name its NotoColorEmoji.ttf"
    case .heldOut(let location, let expected, let found):
      "Resources/held-out.json, \(location): expected \(expected), found \(found)"
    case .unknownKind(let name, let near):
      "'\(name)': expected the name of a kind, found no such kind"
        + (near.isEmpty ? "" : "; similar names: \(near.joined(separator: ", "))")
    case .entry(let file, let location, let expected, let found):
      "\(file), \(location): expected \(expected), found \(found)"
    case .noSample(let folder, let index, let count):
      "\(folder): expected a sample index in 0..<\(count), found \(index)"
    }
  }
}
