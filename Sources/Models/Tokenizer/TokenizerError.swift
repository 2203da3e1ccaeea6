/// An error in a tokenizer's files.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// A file of the tokenizer is missing.
  case missing(folder: String, file: String)
  /// A file has a content that is not expected.
  case malformed(file: String, place: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .missing(let folder, let file):
      "\(folder): \(file) is missing; a CLIP tokenizer consists of vocab.json and merges.txt"
    case .malformed(let file, let place, let expected, let found):
      "\(file), \(place): expected \(expected), found \(found)"
    }
  }
}
