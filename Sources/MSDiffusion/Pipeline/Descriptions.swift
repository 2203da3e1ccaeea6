extension Pipeline: CustomStringConvertible {
  /// The folder and the model's main sizes.
  public var description: String {
    let adapter = adapter.map { "adapter with \($0.tokens) tokens per subject" } ?? "no adapter"
    let encoders = text.count == 1 ? "1 text encoder" : "\(text.count) text encoders"
    return "Pipeline \(folder): \(nativeSize) pixels, \(encoders), \(unet.crossAttentionLayers.count) "
      + "cross-attention layers, \(adapter)"
  }
}

extension Subject: CustomStringConvertible {
  /// Phrase, box and scale.
  public var description: String {
    "Subject “\(phrase)”, \(box.isNone ? "no box" : "\(box)")" + (scale.map { ", scale \($0)" } ?? "")
  }
}

extension Scene: CustomStringConvertible {
  /// Prompt, phrases and main settings.
  public var description: String {
    "Scene “\(prompt)”, subjects \(phrases), \(settings.steps) steps, guidance \(settings.guidance), "
      + "γ \(settings.scale), seed \(settings.seed)"
  }
}

extension Generation: CustomStringConvertible {
  /// Number and size of the images, number of steps, and warnings.
  public var description: String {
    let size = images.first.map { " of \($0.width)×\($0.height) pixels" } ?? ""
    let count = images.count == 1 ? "1 image" : "\(images.count) images"
    return "Generation: \(count)\(size), \(completedSteps) of \(scene.steps) steps"
      + (warnings.isEmpty ? "" : ", warnings \(warnings)")
  }
}
