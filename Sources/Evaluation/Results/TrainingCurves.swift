import Foundation
import JSON

/// Losses and measures over a training run, with few enough points for a figure.
public struct TrainingCurves: Sendable, Equatable {
  /// One quantity over the training of a stage.
  public struct Curve: Sendable, Equatable {
    public var stage: StageName
    /// The quantity's name in the log, where `heldOut.…` is measured on held-out scenes; or the name of a finding.
    public var name: String
    /// For each value, the number of training samples that the model had seen.
    public var samples: [Double]
    public var values: [Double]

    public init(stage: StageName, name: String, samples: [Double], values: [Double]) {
      (self.stage, self.name, self.samples, self.values) = (stage, name, samples, values)
    }
  }

  public var curves: [Curve]

  public init(_ curves: [Curve]) { self.curves = curves }

  /// Reads the logs in a working folder, `STAGE/log.jsonl`; stages without a log are left out.
  /// - Parameters:
  ///   - stages: stages in the order of the curves.
  ///   - points: maximum number of points per curve, above 0; neighbours are averaged.
  /// - Throws: `JSONError` for a line that is not JSON or lacks a number.
  public init(workingFolder folder: String, stages: [StageName], points: Int = 80) throws {
    curves = try stages.flatMap { try Self.curves(stage: $0, path: "\(folder)/\($0)/log.jsonl", points: points) }
  }

  /// Reads one log; if there is none, there are no curves.
  /// - Parameter points: maximum number of points per curve, above 0; neighbours are averaged.
  /// - Throws: `JSONError` for a line that is not JSON or lacks a number.
  public init(stage: StageName, log path: String, points: Int = 240) throws {
    curves = try Self.curves(stage: stage, path: path, points: points)
  }

  private static func curves(stage: StageName, path: String, points: Int) throws -> [Curve] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    var found: [String: Curve] = [:]
    var order: [String] = []
    for line in data.split(separator: UInt8(ascii: "\n")) {
      let entry = JSONNode(try JSONValue.parse(Array(line), name: path), name: path)
      let samples = try entry["samples"].double()
      let values = entry["evaluation"].isPresent ? entry["evaluation"] : entry
      for name in try values.keys() where !["step", "samples", "learningRate", "gradientNorm"].contains(name) {
        if found[name] == nil { order.append(name) }
        found[name, default: Curve(stage: stage, name: name, samples: [], values: [])].samples.append(samples)
        found[name]?.values.append(try values[name].double())
      }
    }
    return order.compactMap { found[$0]?.thinned(to: points) }
  }

  /// Adds the findings of a model that was measured after a number of samples of a stage. Each finding of this stage
  /// with a target other than 1 becomes a point; a target of 1 means yes or no. An earlier point at the same number of
  /// samples is replaced.
  public mutating func add(_ findings: [Finding], stage: StageName, samples: Int) {
    for finding in findings where finding.stage == stage && finding.target != nil && finding.target != 1 {
      var index = curves.firstIndex { $0.stage == stage && $0.name == finding.name } ?? curves.endIndex
      if index == curves.endIndex {
        curves.append(Curve(stage: stage, name: finding.name, samples: [], values: []))
        index = curves.endIndex - 1
      }
      var points = Dictionary(
        zip(curves[index].samples, curves[index].values), uniquingKeysWith: { _, last in last })
      points[Double(samples)] = finding.interval.estimate
      curves[index].samples = points.keys.sorted()
      curves[index].values = curves[index].samples.compactMap { points[$0] }
    }
  }

  public var json: JSONValue {
    .array(
      curves.map { curve in
        .object([
          ("stage", .string(curve.stage.rawValue)), ("name", .string(curve.name)),
          ("samples", .array(curve.samples.map { JSONValue(Int($0)) })),
          ("values", .array(curve.values.map { .double($0.rounded6) })),
        ])
      })
  }

  /// - Throws: `JSONError` if a member is missing or of the wrong type.
  public init(_ json: JSONNode) throws {
    curves = try json.array().map { curve in
      Curve(
        stage: StageName(try curve["stage"].string()), name: try curve["name"].string(),
        samples: try curve["samples"].array().map { try $0.double() },
        values: try curve["values"].array().map { try $0.double() })
    }
  }
}

extension TrainingCurves.Curve {
  /// This curve with at most `points` points, each the mean of neighbouring points.
  func thinned(to points: Int) -> TrainingCurves.Curve {
    let size = max(1, (samples.count + points - 1) / points)
    func means(_ list: [Double]) -> [Double] {
      stride(from: 0, to: list.count, by: size).map { start in
        let part = list[start..<min(start + size, list.count)]
        return part.reduce(0, +) / Double(part.count)
      }
    }
    return TrainingCurves.Curve(stage: stage, name: name, samples: means(samples), values: means(values))
  }
}
