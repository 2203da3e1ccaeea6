import Analysis
import JSON

/// Results of a model's evaluation: the table of its report, and what the numbers depend on.
public struct ModelResults: Sendable, Equatable {
  /// Hash of the checkpoint that was measured.
  public var checkpoint: String
  /// How images were generated.
  public var settings: GenerationSettings
  public var findings: [Finding]
  /// What could not be measured, and why.
  public var missing: [String]

  public init(
    checkpoint: String, settings: GenerationSettings, findings: [Finding] = [], missing: [String] = []
  ) {
    (self.checkpoint, self.settings, self.findings, self.missing) = (checkpoint, settings, findings, missing)
  }

  /// The finding of this name.
  public subscript(name: String) -> Finding? { findings.first { $0.name == name } }

  public var json: JSONValue {
    .object([
      ("checkpoint", .string(checkpoint)), ("settings", settings.json),
      ("findings", .array(findings.map(\.json))), ("missing", JSONValue(missing)),
    ])
  }

  /// - Throws: `JSONError`.
  public init(_ json: JSONNode) throws {
    checkpoint = try json["checkpoint"].string()
    settings = try GenerationSettings(json["settings"])
    findings = try json["findings"].array().map { try Finding($0) }
    missing = try json["missing"].strings()
  }
}
