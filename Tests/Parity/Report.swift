import Foundation
import Tensors

/// How much a value may differ from the golden value.
package enum Tolerance: Sendable, Equatable, CustomStringConvertible {
  /// A fraction of the largest magnitude in the golden tensor.
  case relative(Double)
  /// A limit in the values' own unit.
  case absolute(Double)
  /// Equal to the last bit.
  case exact

  package var description: String {
    switch self {
    case .relative(let limit): "rel " + brief(limit)
    case .absolute(let limit): "abs " + brief(limit)
    case .exact: "exact"
    }
  }
}

/// The result of one comparison, with its tolerance.
package struct ParityRow: Sendable, CustomStringConvertible {
  package let name: String
  package let elements: Int
  /// Largest difference; infinite if shapes differ or one side is not finite.
  package let absolute: Double
  /// Largest difference divided by the largest magnitude of the golden values.
  package let relative: Double
  package let tolerance: Tolerance
  package let passes: Bool
  /// A remark, such as why nothing could be compared.
  package let note: String

  package var description: String {
    let columns = [
      name.padding(76), String(elements).leftPadding(9), brief(absolute).leftPadding(10),
      brief(relative).leftPadding(10),
      tolerance.description.padding(12), passes ? "pass" : "FAIL",
    ]
    return columns.joined(separator: "  ") + (note.isEmpty ? "" : "  " + note)
  }

  /// The column titles of a row's description.
  package static let header = [
    "case".padding(76), "elements".leftPadding(9), "max abs".leftPadding(10), "max rel".leftPadding(10),
    "tolerance".padding(12), "result",
  ].joined(separator: "  ")
}

/// The results of all comparisons, and the number of skipped tensors and files.
package final class ParityReport {
  package private(set) var rows: [ParityRow] = []
  /// How many tensors or files of each part of the golden data were skipped, by the part's name.
  package private(set) var skipped: [String: Int] = [:]
  private let show: (ParityRow) -> Void

  /// - Parameter show: Called with every row when it is added.
  package init(show: @escaping (ParityRow) -> Void = { _ in }) { self.show = show }

  package var passed: Int { rows.count { $0.passes } }
  package var failed: Int { rows.count - passed }

  /// Compares a tensor with the golden tensor.
  func compare(_ name: String, _ found: Tensor, with golden: Tensor, _ tolerance: Tolerance = .relative(1e-4)) {
    guard found.shape == golden.shape else {
      return add(
        name, elements: golden.count, .infinity, .infinity, tolerance,
        note: "shape \(found.shape), expected \(golden.shape)")
    }
    compare(name, found.values.map(Double.init), with: golden.values.map(Double.init), tolerance)
  }

  /// Compares whole numbers, which must be equal.
  func compare(_ name: String, _ found: [Int], with golden: [Int]) {
    guard found.count == golden.count else {
      return add(
        name, elements: golden.count, .infinity, .infinity, .exact,
        note: "\(found.count) numbers: \(found.prefix(12)), expected \(golden.prefix(12))")
    }
    compare(name, found.map(Double.init), with: golden.map(Double.init), .exact)
  }

  /// Compares values one by one.
  func compare(_ name: String, _ found: [Double], with golden: [Double], _ tolerance: Tolerance) {
    var (largest, magnitude) = (0.0, 0.0)
    for (a, b) in zip(found, golden) where a != b {
      let difference = Swift.abs(a - b)
      largest = max(largest, difference.isNaN ? .infinity : difference)
    }
    for b in golden { magnitude = max(magnitude, Swift.abs(b)) }
    let relative = largest == 0 ? 0 : magnitude > 0 ? largest / magnitude : .infinity
    add(name, elements: golden.count, largest, relative, tolerance)
  }

  /// Adds a failed row for a comparison that could not be made.
  func fail(_ name: String, _ reason: String) { add(name, elements: 0, .infinity, .infinity, .exact, note: reason) }

  /// Counts tensors or files of a part of the golden data as skipped.
  func skip(_ part: String, count: Int = 1) { skipped[part, default: 0] += count }

  private func add(
    _ name: String, elements: Int, _ absolute: Double, _ relative: Double, _ tolerance: Tolerance, note: String = ""
  ) {
    let passes =
      switch tolerance {
      case .relative(let limit): relative <= limit
      case .absolute(let limit): absolute <= limit
      case .exact: absolute == 0
      }
    let row = ParityRow(
      name: name, elements: elements, absolute: absolute, relative: relative, tolerance: tolerance, passes: passes,
      note: note)
    rows.append(row)
    show(row)
  }
}

/// A number with three significant digits.
private func brief(_ number: Double) -> String {
  number == 0 ? "0" : number.isFinite ? String(format: "%.2e", number) : "\(number)"
}

extension String {
  fileprivate func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  fileprivate func leftPadding(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
