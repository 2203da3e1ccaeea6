/// What can be wrong with boxes, recorded maps and what is asked of them.
public enum AnalysisError: Error, Equatable, CustomStringConvertible {
  /// Why four numbers are no box.
  public enum BoxProblem: Sendable, Equatable {
    /// Not four numbers.
    case count
    /// NaN or infinite.
    case notFinite
    /// Below 0 or above 1.
    case outside
    /// The end lies before the start.
    case reversed
    /// The end equals the start, and the box isn't the all-zero one.
    case zeroArea
  }

  /// Four numbers that are no box; `name` says whose.
  case invalidBox(name: String, numbers: [Float], problem: BoxProblem)
  /// A recorded value is NaN or infinite; `place` is where it was first seen.
  case notFinite(place: String)
  /// A tensor whose shape doesn't fit what was recorded before, or the sizes given with it.
  case shape(place: String, expected: String, found: [Int])
  /// A layer that nothing was recorded for.
  case unknownLayer(name: String, recorded: [String])
  /// Token columns, steps or heads that weren't recorded, or weren't kept apart; `kind` names which of these.
  case notRecorded(kind: String, requested: [Int], available: String)
  /// A heatmap of nothing.
  case empty(String)

  public var description: String {
    switch self {
    case .invalidBox(let name, let numbers, let problem):
      let rule: String
      switch problem {
      case .count: rule = "a box is four numbers x0, y0, x1, y1"
      case .notFinite: rule = "the numbers of a box are finite"
      case .outside: rule = "a box is given in fractions of the image, 0 to 1, not in pixels"
      case .reversed: rule = "a box ends after it starts: x0 < x1 and y0 < y1"
      case .zeroArea: rule = "a box has an area; only all zeros are legal without one and mean no layout"
      }
      return "\(name): expected x0, y0, x1, y1 of a box, found \(numbers): \(rule)"
    case .notFinite(let place):
      return "\(place): expected a finite number, found NaN or infinity; look for the first layer that makes one"
    case .shape(let place, let expected, let found):
      return "\(place): expected \(expected), found shape \(found)"
    case .unknownLayer(let name, let recorded):
      let names = recorded.isEmpty ? "nothing at all" : recorded.joined(separator: ", ")
      return "layer \(name): no map of it was recorded; recorded: \(names)"
    case .notRecorded(let kind, let requested, let available):
      return "\(kind) \(requested): expected some of what was recorded, which is \(available)"
    case .empty(let what):
      return what
    }
  }
}
