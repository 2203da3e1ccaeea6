/// Errors in boxes, in recorded maps, and in requests for maps.
public enum AnalysisError: Error, Equatable, CustomStringConvertible {
  /// Why some numbers are not a box.
  public enum BoxProblem: Sendable, Equatable {
    /// Not four numbers.
    case count
    /// NaN or infinite.
    case notFinite
    /// Below 0 or above 1.
    case outside
    /// The end is before the start: x1 < x0 or y1 < y0.
    case reversed
    /// The end equals the start, and the box isn't the all-zero one.
    case zeroArea
  }

  /// Numbers that are not a box; `name` identifies the box in the message.
  case invalidBox(name: String, numbers: [Float], problem: BoxProblem)
  /// A value is NaN or infinite; `place` is where the first such value was found.
  case notFinite(place: String)
  /// A tensor whose shape doesn't match what was recorded before, or the sizes given with it.
  case shape(place: String, expected: String, found: [Int])
  /// A layer for which nothing was recorded.
  case unknownLayer(name: String, recorded: [String])
  /// Indices that were not recorded, or were recorded only as a sum; `kind` names what they count, such as token
  /// columns, steps, heads, batch rows or samples.
  case notRecorded(kind: String, requested: [Int], available: String)
  /// A result that needs at least one input and got none; the text is the whole message.
  case empty(String)

  /// Checks that all indices that a user has chosen are in a range.
  /// - Parameter kind: what the indices number, such as `sample`, for the message.
  /// - Throws: ``notRecorded(kind:requested:available:)`` if an index is outside of the range.
  package static func require(_ indices: [Int], in range: Range<Int>, kind: String) throws {
    guard indices.allSatisfy(range.contains) else {
      throw AnalysisError.notRecorded(kind: kind, requested: indices, available: range.isEmpty ? "none" : "\(range)")
    }
  }

  public var description: String {
    switch self {
    case .invalidBox(let name, let numbers, let problem):
      let rule: String
      switch problem {
      case .count: rule = "a box is four numbers x0, y0, x1, y1"
      case .notFinite: rule = "the numbers of a box are finite"
      case .outside: rule = "a box is given in fractions of the image, from 0 to 1, not in pixels"
      case .reversed: rule = "a box ends after it starts: x0 < x1 and y0 < y1"
      case .zeroArea: rule = "a box has an area above zero; the only exception is all zeros, which mean no layout"
      }
      return "\(name): expected x0, y0, x1, y1 of a box, found \(numbers): \(rule)"
    case .notFinite(let place):
      return "\(place): expected a finite number, found NaN or infinity; look for the computation that produced it"
    case .shape(let place, let expected, let found):
      return "\(place): expected \(expected), found shape \(found)"
    case .unknownLayer(let name, let recorded):
      let names = recorded.isEmpty ? "no layer" : recorded.joined(separator: ", ")
      return "layer \(name): nothing was recorded for it; recorded layers: \(names)"
    case .notRecorded(let kind, let requested, let available):
      return "\(kind) \(requested): not recorded; available: \(available)"
    case .empty(let what):
      return what
    }
  }
}
