import JSON
import Models
import Tensors

/// Scenes that have passed all checks and go through the model together.
struct SceneBatch {
  /// The settings that must be the same in all scenes of a batch; all other settings may differ.
  struct Shared: Equatable {
    var height, width, steps: Int
    var scheduler: SchedulerKind
    var layout: LayoutOptions

    static var fields: [JSONField<Shared>] {
      [
        JSONField("height", \.height), JSONField("width", \.width), JSONField("steps", \.steps),
        JSONField("scheduler", \.scheduler), JSONField("layout", \.layout),
      ]
    }
  }

  let scenes: [Scene]
  let shared: Shared
  let latentHeight, latentWidth: Int
  /// Shape of each scene's noise, `[samples, C, h, w]`.
  let noiseShapes: [[Int]]

  /// - Throws: `PipelineError.mixedBatch` if scenes differ in the ``Shared`` settings; errors from `Scene.check`;
  ///   `PipelineError.invalid` for a size or starting noise that does not match the model, or if there are no scenes.
  init(_ scenes: [Scene], pipeline: Pipeline) throws {
    for scene in scenes { try scene.check() }
    let settings = try scenes.map { scene in
      Shared(
        height: scene.height ?? pipeline.nativeSize, width: scene.width ?? pipeline.nativeWidth, steps: scene.steps,
        scheduler: try scene.scheduler ?? pipeline.checkpointScheduler.get(), layout: scene.layout)
    }
    guard let shared = settings.first else {
      throw PipelineError.invalid("the list of scenes", found: "empty", expected: "at least one scene")
    }
    if settings.contains(where: { $0 != shared }) {
      let option = settings.lazy.compactMap { Self.firstDifference(shared.json, $0.json) }.first ?? []
      throw PipelineError.mixedBatch(
        option: option.joined(separator: "."), values: settings.map { $0.json.value(at: option).text() })
    }
    let factor = pipeline.factor
    for (name, side) in [("height", shared.height), ("width", shared.width)]
    where side < factor || side % factor != 0 || side > 16384 {
      throw PipelineError.invalid(name, found: "\(side)", expected: "a multiple of \(factor), at most 16384")
    }
    (self.scenes, self.shared) = (scenes, shared)
    let (h, w) = (shared.height / factor, shared.width / factor)
    (latentHeight, latentWidth) = (h, w)
    noiseShapes = scenes.map { [$0.samples, pipeline.vae.configuration.latentChannels, h, w] }
    for (scene, shape) in zip(scenes, noiseShapes) {
      if let noise = scene.noise, noise.tensor.shape != shape {
        throw PipelineError.invalid(
          "the shape of the starting noise", found: "\(noise.tensor.shape)", expected: "\(shape)")
      }
    }
  }

  /// SDXL's micro-conditioning, `[6]`: original height and width, crop corner, target height and width.
  var timeIDs: Tensor {
    let (height, width) = (Float(shared.height), Float(shared.width))
    return Tensor([height, width, 0, 0, height, width], shape: [6])
  }

  /// The path of keys to the first difference between two values; nil if they are equal.
  private static func firstDifference(_ a: JSONValue, _ b: JSONValue) -> [String]? {
    guard a != b else { return nil }
    guard case .object(let one) = a, case .object(let other) = b else { return [] }
    for key in one.keys {
      if let inner = firstDifference(one[key] ?? .null, other[key] ?? .null) { return [key] + inner }
    }
    return []
  }
}

extension SceneBatch.Shared {
  fileprivate var json: JSONValue { JSONValue(self, Self.fields) }
}

extension JSONValue {
  /// The value at a path of keys in nested objects; null if there is none.
  fileprivate func value(at keys: [String]) -> JSONValue {
    keys.reduce(self) { value, key in
      guard case .object(let object) = value else { return .null }
      return object[key] ?? .null
    }
  }
}
