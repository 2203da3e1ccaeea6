/// Errors in figures.
public enum PlotError: Error, Equatable, CustomStringConvertible {
  /// There is no font that can be used.
  case noFont(name: String, searched: [String], reason: String)
  /// Numbers that cannot be drawn.
  case notFinite(what: String)
  /// A chart without room for its axes and legend.
  case chartTooSmall(width: Int, height: Int)
  /// Parts of a figure that do not fit together, or a size out of range.
  case mismatch(what: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .noFont(let name, let searched, let reason):
      "the font \(name) was not found or cannot be used (\(reason)); searched \(searched.joined(separator: ", ")). "
        + "Install Debian's package fonts-dejavu-core, or set MSDIFFUSION_FONTS to the folder of the font"
    case .notFinite(let what): "\(what) contains NaN or infinity, which cannot be drawn"
    case .chartTooSmall(let width, let height):
      "chart: expected a size with room for the axes and the legend, found \(width)×\(height) pixels; make it larger"
    case .mismatch(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    }
  }
}
