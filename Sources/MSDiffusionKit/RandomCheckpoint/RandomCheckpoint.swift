import Foundation

/// A checkpoint at the published size with random half-precision weights: proves that loading, memory and time are as
/// they will be with the published weights, which give images where this one gives noise.
public enum RandomCheckpoint {
  /// One part of a checkpoint: its configuration, and the shapes of its weights.
  public struct Part: Sendable {
    public let name: String
    public let configuration: JSONValue
    public let file: String
    public let shapes: [String: [Int]]

    /// How many numbers the part holds.
    public var parameterCount: Int { shapes.values.reduce(0) { $0 + $1.reduce(1, *) } }
  }

  /// The parts at their published sizes, the adapter last.
  /// - Throws: nothing that these configurations could cause.
  public static func publishedParts() throws -> [Part] {
    func part(
      _ name: String, _ file: String, _ configuration: JSONValue, _ build: (Scope, JSONNode) throws -> Void
    ) throws -> Part {
      let source = ShapeSource()
      try build(Scope(source), JSONNode(configuration, name: name))
      return Part(name: name, configuration: configuration, file: file, shapes: source.shapes)
    }
    var layers: [CrossAttention] = []
    let unet = try part("unet", "diffusion_pytorch_model.fp16.safetensors", PublishedSizes.unet) {
      layers = try UNet($0, UNetConfiguration($1)).crossAttentionLayers
    }
    var adapter = PublishedSizes.resampler
    for (index, layer) in layers.enumerated() {
      for name in ["to_k_ip", "to_v_ip"] {
        adapter["ms_adapter.\(2 * index + 1).\(name).weight"] = [layer.width, layer.contextWidth]
      }
    }
    return [
      unet,
      try part("vae", "diffusion_pytorch_model.fp16.safetensors", PublishedSizes.vae) {
        _ = try VAE($0, VAEConfiguration($1))
      },
      try part("text_encoder", "model.fp16.safetensors", PublishedSizes.textEncoder) {
        _ = try CLIPTextEncoder($0, .init($1))
      },
      try part("text_encoder_2", "model.fp16.safetensors", PublishedSizes.secondTextEncoder) {
        _ = try CLIPTextEncoder($0, .init($1))
      },
      try part("image_encoder", "model.fp16.safetensors", PublishedSizes.imageEncoder) {
        _ = try CLIPVisionEncoder($0, .init($1))
      },
      Part(name: "", configuration: .null, file: "ms_adapter.safetensors", shapes: adapter),
    ]
  }

  /// Writes the folder, about 12 GB. Parts that are there already are kept, so that an interrupted run can go on.
  /// - Parameters:
  ///   - folder: Where to write; made if it is not there.
  ///   - seed: Of the weights.
  ///   - progress: Gets the tensors written and their number.
  /// - Throws: `CheckpointError`, `JSONError`, ``RunError``.
  public static func write(to folder: String, seed: UInt64 = 0, progress: (Int, Int) -> Void = { _, _ in }) throws {
    let parts = try publishedParts()
    let total = parts.reduce(0) { $0 + $1.shapes.count }
    var done = 0
    for part in parts {
      let place = part.name.isEmpty ? folder : folder + "/" + part.name
      try makeFolder(place)
      if !part.name.isEmpty { try part.configuration.write(to: place + "/config.json") }
      let path = place + "/" + part.file
      if FileManager.default.fileExists(atPath: path) {
        done += part.shapes.count
        continue
      }
      let keys = part.shapes.keys.sorted()
      let writer = try SafetensorsWriter(
        path, entries: keys.map { .init(key: $0, elementType: .float16, shape: part.shapes[$0] ?? []) })
      for key in keys {
        try writer.append(numbers(key, part.shapes[key] ?? [], seed: seed))
        done += 1
        progress(done, total)
      }
      try writer.finish()
    }
    try makeFolder(folder + "/scheduler")
    try PublishedSizes.scheduler.write(to: folder + "/scheduler/scheduler_config.json")
    try PublishedSizes.index.write(to: folder + "/model_index.json")
    for (name, padding) in PublishedSizes.paddingTokens {
      let tokenizer = folder + "/" + name
      guard !FileManager.default.fileExists(atPath: tokenizer) else { continue }
      try FileManager.default.copyItem(atPath: Bundled.vocabulary, toPath: tokenizer)
      try PublishedSizes.tokenizer(padding: padding).write(to: tokenizer + "/tokenizer_config.json")
    }
  }

  private static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw RunError.file(path: path, reason: "the folder cannot be made: \(error.localizedDescription)")
    }
  }

  /// Norms are 1, biases 0, everything else uniform with deviation 1/√fan-in: fast, and enough to keep numbers in range.
  private static func numbers(_ key: String, _ shape: [Int], seed: UInt64) -> Tensor {
    if shape.count == 1 { return key.hasSuffix("bias") ? .zeros(shape) : .ones(shape) }
    let fanIn = key.contains("embedding") && !key.contains("patch") ? 2500 : shape.dropFirst().reduce(1, *)
    let width = Float(3).squareRoot() / Float(max(fanIn, 1)).squareRoot()
    let start = key.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return Tensor.filled(shape) { index in
      // SplitMix64 (Steele, Lea and Flood, 2014).
      var bits = start &+ UInt64(index) &* 0x9e37_79b9_7f4a_7c15
      bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
      bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
      return (Float(Int32(truncatingIfNeeded: (bits ^ bits >> 31) >> 32)) / 2_147_483_648) * width
    }
  }
}
