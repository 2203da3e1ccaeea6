import JSON
import Models

/// New values for some settings, from a checkpoint's configuration, command-line options or a script. A field that is
/// nil leaves its setting as it is.
public struct SettingsOverlay: Sendable, Equatable {
  /// Words about quality, which are put before the prompt.
  public var qualityPrompt: String?
  /// The outer nil leaves the setting as it is; the inner nil sets ``SceneSettings/negativePrompt`` to nil.
  public var negativePrompt: String??
  public var height, width, steps: Int?
  public var guidance: Float?
  public var guidanceInterval: ClosedRange<Float>?
  public var scheduler: SchedulerKind?
  public var seed: UInt64?
  public var samples: Int?
  public var scale: Float?
  public var dropsGrounding, findsPhrasesAsPublished: Bool?

  public init() {}

  /// An overlay with the settings that `change` sets.
  public init(_ change: (inout SettingsOverlay) -> Void) {
    self.init()
    change(&self)
  }
}

/// The quality prompt, and the default values of all settings.
public struct SceneDefaults: Sendable, Equatable {
  /// Words about quality, which are put before the prompt and separated from it by a comma; empty: none.
  public var qualityPrompt = "best quality, high quality"
  public var settings = SceneSettings.published

  public static let published = SceneDefaults()

  private init() {}

  /// A prompt with the quality prompt before it.
  public func prompt(_ words: String) -> String { qualityPrompt.isEmpty ? words : qualityPrompt + ", " + words }

  /// These defaults, overridden by the values that an overlay sets.
  public func overlaid(with overlay: SettingsOverlay) -> SceneDefaults {
    var result = self
    result.qualityPrompt = overlay.qualityPrompt ?? qualityPrompt
    result.settings = settings.overlaid(with: overlay)
    return result
  }
}

extension SceneSettings {
  /// These settings, overridden by the values that an overlay sets.
  public func overlaid(with overlay: SettingsOverlay) -> SceneSettings {
    var result = self
    result.negativePrompt = overlay.negativePrompt ?? negativePrompt
    result.height = overlay.height ?? height
    result.width = overlay.width ?? width
    result.steps = overlay.steps ?? steps
    result.guidance = overlay.guidance ?? guidance
    result.guidanceInterval = overlay.guidanceInterval ?? guidanceInterval
    result.scheduler = overlay.scheduler ?? scheduler
    result.seed = overlay.seed ?? seed
    result.samples = overlay.samples ?? samples
    result.scale = overlay.scale ?? scale
    result.dropsGrounding = overlay.dropsGrounding ?? dropsGrounding
    result.findsPhrasesAsPublished = overlay.findsPhrasesAsPublished ?? findsPhrasesAsPublished
    return result
  }
}

extension SettingsOverlay: JSONCoded {
  static var fields: [JSONField<SettingsOverlay>] {
    [
      JSONField("quality_prompt", ifSet: \.qualityPrompt), JSONField("negative_prompt", ifSet: \.negativePrompt),
      JSONField("height", ifSet: \.height), JSONField("width", ifSet: \.width), JSONField("steps", ifSet: \.steps),
      JSONField("guidance", ifSet: \.guidance), JSONField("guidance_interval", ifSet: \.guidanceInterval),
      JSONField("scheduler", ifSet: \.scheduler), JSONField("seed", ifSet: \.seed),
      JSONField("samples", ifSet: \.samples), JSONField("scale", ifSet: \.scale),
      JSONField("drops_grounding", ifSet: \.dropsGrounding),
      JSONField("finds_phrases_as_published", ifSet: \.findsPhrasesAsPublished),
    ]
  }

  package var json: JSONValue { JSONValue(self, Self.fields) }

  package init(json node: JSONNode) throws { try node.read(into: &self, Self.fields) }
}
