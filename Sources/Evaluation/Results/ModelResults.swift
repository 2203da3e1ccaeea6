import Analysis
import JSON

/// Results of a model's evaluation: the findings of its report, and the checkpoint and settings that they depend on.
public struct ModelResults: Sendable, Equatable {
  /// Hash of the measured checkpoint.
  public var checkpoint: String
  /// Settings that images were generated with.
  public var settings: GenerationSettings
  /// The findings in the order of the report.
  public var findings: [Finding]
  /// What could not be measured, each with the reason.
  public var missing: [String]

  public init(
    checkpoint: String, settings: GenerationSettings, findings: [Finding] = [], missing: [String] = []
  ) {
    (self.checkpoint, self.settings, self.findings, self.missing) = (checkpoint, settings, findings, missing)
  }

  /// The first finding with this name; nil if there is none.
  public subscript(name: String) -> Finding? { findings.first { $0.name == name } }

  public var json: JSONValue {
    .object([
      ("checkpoint", .string(checkpoint)), ("settings", settings.json),
      ("findings", .array(findings.map(\.json))), ("missing", JSONValue(missing)),
    ])
  }

  /// - Throws: `JSONError` if a member is missing or of the wrong type.
  public init(_ json: JSONNode) throws {
    checkpoint = try json["checkpoint"].string()
    settings = try GenerationSettings(json["settings"])
    findings = try json["findings"].array().map { try Finding($0) }
    missing = try json["missing"].strings()
  }
}
