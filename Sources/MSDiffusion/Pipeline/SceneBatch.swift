import Models
import Tensors

/// What the scenes of one batch have in common.
struct SceneBatch {
  let height, width, latentHeight, latentWidth: Int
  /// Samples of all scenes.
  let samples: Int
  /// Shape of each scene's noise, `[samples, C, h, w]`.
  let noiseShapes: [[Int]]

  /// - Throws: `PipelineError.mixedBatch` where scenes differ in size, steps or scheduler; what `Scene.check` throws.
  init(_ scenes: [Scene], pipeline: Pipeline) throws {
    guard !scenes.isEmpty else {
      throw PipelineError.invalid("scenes", found: "none", expected: "at least one")
    }
    let sizes = scenes.map { ($0.height ?? pipeline.nativeSize, $0.width ?? pipeline.nativeSize) }
    for (scene, size) in zip(scenes, sizes) {
      try scene.check(factor: pipeline.factor, height: size.0, width: size.1)
    }
    func same<Value: Equatable>(_ option: String, _ values: [Value]) throws {
      if values.contains(where: { $0 != values[0] }) {
        throw PipelineError.mixedBatch(option: option, values: values.map { "\($0)" })
      }
    }
    try same("height", sizes.map(\.0))
    try same("width", sizes.map(\.1))
    try same("steps", scenes.map(\.steps))
    try same("scheduler", scenes.map { $0.scheduler.map { "\($0)" } ?? "the checkpoint's" })
    try same("pseudo layout", scenes.map(\.layout.pseudoLayout))
    try same("masked text attention", scenes.map(\.layout.masksText))
    try same("background zeroing", scenes.map(\.layout.zeroesBackground))
    (height, width) = sizes[0]
    (latentHeight, latentWidth) = (height / pipeline.factor, width / pipeline.factor)
    samples = scenes.reduce(0) { $0 + $1.samples }
    let (channels, h, w) = (pipeline.vae.configuration.latentChannels, latentHeight, latentWidth)
    noiseShapes = scenes.map { [$0.samples, channels, h, w] }
  }
}

extension SceneBatch {
  /// SDXL's micro-conditioning: original height and width, crop corner, target height and width.
  var timeIDs: Tensor {
    Tensor([Float(height), Float(width), 0, 0, Float(height), Float(width)], shape: [6])
  }
}
