/// Errors in figures.
public enum PlotError: Error, Equatable, CustomStringConvertible {
  /// No font that can be used.
  case noFont(name: String, searched: [String], reason: String)
  /// Numbers that cannot be drawn.
  case notFinite(what: String)
  /// A chart without room for its axes and legend.
  case chartTooSmall(width: Int, height: Int)
  /// Parts that do not fit together.
  case mismatch(what: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .noFont(let name, let searched, let reason):
      "the font \(name) was not found or cannot be used (\(reason)); searched \(searched.joined(separator: ", ")). "
        + "Install fonts-dejavu-core, or name its folder in MSDIFFUSION_FONTS"
    case .notFinite(let what): "\(what) holds NaN or infinity, which cannot be drawn"
    case .chartTooSmall(let width, let height): "chart too small for its axes and legend: \(width)×\(height) pixels"
    case .mismatch(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    }
  }
}
