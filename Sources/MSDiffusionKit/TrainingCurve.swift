import Foundation
import JSON
import Plotting

/// How a training went, drawn from its `log.jsonl`: the loss over the samples, and what was measured from time to time.
public struct TrainingCurve {
  /// A name, and its values over samples.
  public typealias Curve = (name: String, samples: [Double], values: [Double])

  /// Loss and the figures beside it, each a mean over the steps between two lines of the log.
  public private(set) var losses: [Curve] = []
  /// What evaluations gave.
  public private(set) var evaluations: [Curve] = []
  private let title: String

  /// Reads a log.
  /// - Throws: ``RunError/file(path:reason:)``, `JSONError`.
  public init(log path: String, title: String) throws {
    self.title = title
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw RunError.file(path: path, reason: "no log of a training can be read there")
    }
    for line in text.split(separator: "\n") {
      let entry = JSONNode(try JSONValue.parse(String(line), name: path), name: path)
      let samples = try entry["samples"].double()
      let evaluation = entry["evaluation"]
      if evaluation.isPresent {
        for name in try evaluation.keys() {
          Self.add(&evaluations, name, samples, try evaluation[name].double())
        }
      } else {
        for name in try entry.keys() where !["step", "samples", "learningRate", "gradientNorm"].contains(name) {
          Self.add(&losses, name, samples, try entry[name].double())
        }
      }
    }
    guard !losses.isEmpty else { throw RunError.file(path: path, reason: "the log holds no step yet") }
  }

  private static func add(_ curves: inout [Curve], _ name: String, _ samples: Double, _ value: Double) {
    if let index = curves.firstIndex(where: { $0.name == name }) {
      curves[index].samples.append(samples)
      curves[index].values.append(value)
    } else {
      curves.append((name, [samples], [value]))
    }
  }

  /// Two charts, the second where something was evaluated. Lines are means of neighbours, the loss's first steps, which
  /// are many times larger, are cut off at the upper edge.
  public func figure() -> any Figure {
    var charts: [any Figure] = [Self.chart(losses, yLabel: "loss", points: 240)]
    if !evaluations.isEmpty { charts.append(Self.chart(evaluations, yLabel: "evaluation", points: 240)) }
    return Stack(charts, title: title, caption: "")
  }

  private static func chart(_ curves: [Curve], yLabel: String, points: Int) -> LineChart {
    let series = curves.map { curve in
      let each = max(1, curve.values.count / points)
      let starts = Array(stride(from: 0, to: curve.values.count, by: each))
      func means(_ values: [Double]) -> [Double] {
        starts.map { start in
          let part = values[start..<min(start + each, values.count)]
          return part.reduce(0, +) / Double(part.count)
        }
      }
      return Series(curve.name, x: means(curve.samples), y: means(curve.values))
    }
    // What nine of ten points stay below, the first ones aside.
    let late = series.flatMap { $0.y.dropFirst($0.y.count / 10) }
    let (low, high) = (min(0, late.min() ?? 0), (late.max() ?? 1) * 1.1)
    let cut = series.map { Series($0.name, x: $0.x, y: $0.y.map { min($0, high) }) }
    return LineChart(
      cut, xLabel: "samples", yLabel: yLabel, yRange: low...max(high, low + 1e-9), width: 900, height: 320)
  }
}
