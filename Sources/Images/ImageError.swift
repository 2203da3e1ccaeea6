/// An error in an image.
public enum ImageError: Error, Equatable, CustomStringConvertible {
  /// A file that cannot be read or written.
  case file(path: String, reason: String)
  /// Contents that are not an image, or a damaged image.
  case broken(name: String, expected: String, found: String)
  /// A file of a kind that is not supported; `remedy` says what to do about it.
  case notRead(name: String, found: String, remedy: String)
  /// More pixels than allowed, according to the header; nothing was decoded.
  case tooLarge(name: String, width: Int, height: Int, limit: Int)
  /// Sizes or numbers of images that do not fit together or are out of range.
  case sizesDiffer(what: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .file(let path, let reason): "\(path): \(reason)"
    case .broken(let name, let expected, let found):
      "\(name): expected \(expected), found \(found); save it again as PNG or JPEG, or use a different file"
    case .notRead(let name, let found, let remedy):
      "\(name): expected a PNG, JPEG, GIF, WebP or BMP image, found \(found); \(remedy)"
    case .tooLarge(let name, let width, let height, let limit):
      "\(name): expected at most \(limit) pixels in total and 32768 per side, found \(width)×\(height); "
        + "scale the image down first"
    case .sizesDiffer(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    }
  }
}
