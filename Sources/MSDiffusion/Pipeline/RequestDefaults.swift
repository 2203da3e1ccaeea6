import JSON

/// What a request is filled up with where a script does not say: as published, or as `ms_adapter_config.json` beside an
/// adapter says in `defaults`.
public struct RequestDefaults: Sendable, Equatable {
  /// Put before the prompt's own words, with a comma; empty: nothing.
  public var qualityPrompt = Scene.qualityPrompt
  public var negativePrompt = Scene.defaultNegativePrompt
  /// Strength of classifier-free guidance.
  public var guidance: Float = 7.5
  /// Noise levels at which it acts.
  public var guidanceInterval = Scene.everyNoiseLevel
  /// γ of Eq. 2.
  public var scale: Float = 0.6

  public static let published = RequestDefaults()

  private init() {}

  /// - Throws: `JSONError` for an entry of another type.
  init(_ json: JSONNode) throws {
    qualityPrompt = try json["quality_prompt"].string(or: qualityPrompt)
    negativePrompt = try json["negative_prompt"].string(or: negativePrompt)
    guidance = try json["guidance"].float(or: guidance)
    guidanceInterval = try json["guidance_interval"].range(or: guidanceInterval)
    scale = try json["scale"].float(or: scale)
  }

  /// A prompt with what belongs before it.
  public func prompt(_ words: String) -> String { qualityPrompt.isEmpty ? words : qualityPrompt + ", " + words }
}
