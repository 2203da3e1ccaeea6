import Analysis
import JSON

/// Results of an ablation of the adapter: one row per training run.
public struct AblationResults: Sendable, Equatable {
  /// The measures reported for each training run, in the order of the table.
  public enum Measure: String, CaseIterable, Sendable {
    /// The judge's likeness between the content of each subject's box and the subject's identity.
    case inBox = "likeness in the box"
    /// The judge's greatest likeness between any part of the image and each subject's identity.
    case anywhere = "likeness anywhere"
    /// The product of the likenesses anywhere of an image's subjects, similar to M-DINO.
    case product = "multi-subject product"
    /// Fraction of subjects that the judge recognises: in the subject's box, its own identity is the nearest of 20
    /// candidates.
    case each = "each recognised"
    /// Fraction of images in which the judge recognises both subjects.
    case both = "both recognised"
    /// Cosine similarity between image and caption, by the model's own encoders.
    case text = "text fidelity"
  }

  /// One training run.
  public struct Row: Sendable, Equatable {
    /// A variant's name; ``AblationResults/base`` for the base model.
    public var variant: String
    /// Seed of the training run; 0 for the base model.
    public var seed: UInt64
    /// Means over scenes; a measure that could not be computed is left out.
    public var values: [Measure: Double]

    public init(variant: String, seed: UInt64, values: [Measure: Double]) {
      (self.variant, self.seed, self.values) = (variant, seed, values)
    }
  }

  /// The name of the base model, measured at γ = 0.
  public static let base = "base"

  /// Number of steps of each training run, and number of samples per step.
  public var steps, batch: Int
  /// Number of scenes that each model was measured on.
  public var scenes: Int
  /// Settings that images were generated with.
  public var settings: GenerationSettings
  public var rows: [Row]

  public init(steps: Int, batch: Int, scenes: Int, settings: GenerationSettings, rows: [Row] = []) {
    (self.steps, self.batch, self.scenes, self.settings, self.rows) = (steps, batch, scenes, settings, rows)
  }

  /// Names of variants in the order of their first training run.
  public var variants: [String] { rows.map(\.variant).withoutRepeats }

  /// Mean and confidence interval over a variant's seeds; with a single seed, the interval has no width.
  /// - Throws: `AnalysisError` if nothing was measured for this variant and measure.
  public func interval(_ variant: String, _ measure: Measure) throws -> ConfidenceInterval {
    let values = rows.filter { $0.variant == variant }.compactMap { $0.values[measure] }
    if values.count == 1 { return try .mean(of: values, draws: 1) }
    return try .student(values)
  }

  public var json: JSONValue {
    .object([
      ("steps", JSONValue(steps)), ("batch", JSONValue(batch)), ("scenes", JSONValue(scenes)),
      ("settings", settings.json),
      (
        "rows",
        .array(
          rows.map { row in
            .object(
              [("variant", .string(row.variant)), ("seed", .string("\(row.seed)"))]
                + Measure.allCases.compactMap { measure in
                  row.values[measure].map { (measure.rawValue, .double($0.rounded6)) }
                })
          })
      ),
    ])
  }

  /// - Throws: `JSONError` if a member is missing or of the wrong type.
  public init(_ json: JSONNode) throws {
    (steps, batch, scenes) = (try json["steps"].int(), try json["batch"].int(), try json["scenes"].int())
    settings = try GenerationSettings(json["settings"])
    rows = try json["rows"].array().map { row in
      var values: [Measure: Double] = [:]
      for measure in Measure.allCases where row[measure.rawValue].isPresent {
        values[measure] = try row[measure.rawValue].double()
      }
      return Row(variant: try row["variant"].string(), seed: UInt64(try row["seed"].string()) ?? 0, values: values)
    }
  }
}
