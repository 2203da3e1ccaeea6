import Analysis
import JSON

/// One line of a model's report.
public struct Finding: Sendable, Equatable {
  /// The measure's name.
  public var name: String
  /// The data and the method of the measurement.
  public var note: String
  public var interval: ConfidenceInterval
  /// The value that guessing would reach; nil if the measure has no such value.
  public var chance: Double?
  /// The value that the model should reach; nil if the finding is only reported.
  public var target: Double?
  /// Number of scenes measured.
  public var scenes: Int
  /// The last training stage that affects the finding; nil if none does.
  public var stage: StageName?

  public init(
    _ name: String, note: String = "", interval: ConfidenceInterval, chance: Double? = nil, target: Double? = nil,
    scenes: Int, stage: StageName? = nil
  ) {
    (self.name, self.note, self.interval, self.chance, self.target) = (name, note, interval, chance, target)
    (self.scenes, self.stage) = (scenes, stage)
  }

  /// Makes a finding from one value per scene.
  /// - Throws: `AnalysisError` if there are no values, or one is not finite.
  init(
    _ name: String, note: String = "", of values: [Double], chance: Double? = nil, target: Double? = nil,
    stage: StageName? = nil
  ) throws {
    // If every value is a hit or a miss, the interval is that of a proportion, which is also valid near 0 and 1.
    let isHits = values.allSatisfy { $0 == 0 || $0 == 1 }
    let interval =
      isHits
      ? try ConfidenceInterval.proportion(successes: values.reduce(0, +), trials: values.count)
      : try ConfidenceInterval.mean(of: values)
    self.init(name, note: note, interval: interval, chance: chance, target: target, scenes: values.count, stage: stage)
  }

  /// Whether the estimate meets the target; nil if there is no target.
  public var isMet: Bool? { target.map { interval.estimate >= $0 } }

  var json: JSONValue {
    .object([
      ("name", .string(name)), ("note", .string(note)), ("estimate", .double(interval.estimate.rounded6)),
      ("lower", .double(interval.lower.rounded6)), ("upper", .double(interval.upper.rounded6)),
      ("confidence", .double(interval.confidence)), ("chance", chance.map { .double($0.rounded6) } ?? .null),
      ("reach", target.map { .double($0) } ?? .null), ("scenes", JSONValue(scenes)),
      ("stage", stage.map { .string($0.rawValue) } ?? .null),
    ])
  }

  init(_ json: JSONNode) throws {
    name = try json["name"].string()
    note = try json["note"].string(or: "")
    interval = ConfidenceInterval(
      estimate: try json["estimate"].double(), lower: try json["lower"].double(), upper: try json["upper"].double(),
      confidence: try json["confidence"].double())
    chance = json["chance"].isPresent ? try json["chance"].double() : nil
    target = json["reach"].isPresent ? try json["reach"].double() : nil
    scenes = try json["scenes"].int()
    stage = json["stage"].isPresent ? StageName(try json["stage"].string()) : nil
  }
}

extension Double {
  /// Rounded to six decimal places, as in result files.
  var rounded6: Double { (self * 1e6).rounded() / 1e6 }
}
