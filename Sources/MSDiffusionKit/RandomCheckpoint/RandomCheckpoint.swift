import Foundation

/// A checkpoint of the published size with random half-precision weights. Loading it and generating with it take as
/// much memory and time as with the published weights; the generated images are noise.
public enum RandomCheckpoint {
  /// One part of a checkpoint: its configuration, and the shapes of its weights.
  public struct Part: Sendable {
    /// The part's role in the checkpoint.
    public let part: ModelPart
    public let configuration: JSONValue
    /// The shape of each weight, by key.
    public let shapes: [String: [Int]]

    /// Number of the part's parameters.
    public var parameterCount: Int { shapes.values.reduce(0) { $0 + $1.reduce(1, *) } }
  }

  /// The parts at their published sizes, the adapter last.
  /// - Throws: never, since these configurations are valid.
  public static func publishedParts() throws -> [Part] { try parts { PublishedSizes.models[$0] ?? .null } }

  /// The parts for given configurations, the adapter last.
  /// - Throws: `JSONError`, `ParameterError` for a configuration that describes no model.
  package static func parts(_ configuration: (ModelPart) throws -> JSONValue) throws -> [Part] {
    func part(_ part: ModelPart, _ build: (Scope, JSONNode) throws -> Void) throws -> Part {
      let (source, configuration) = (ShapeSource(), try configuration(part))
      try build(Scope(source), JSONNode(configuration, name: part.name))
      return Part(part: part, configuration: configuration, shapes: source.shapes)
    }
    var layers: [CrossAttention] = []
    return [
      try part(.unet) { layers = try UNet($0, UNetConfiguration($1)).crossAttentionLayers },
      try part(.vae) { _ = try VAE($0, VAEConfiguration($1)) },
      try part(.textEncoder) { _ = try CLIPTextEncoder($0, .init($1)) },
      try part(.secondTextEncoder) { _ = try CLIPTextEncoder($0, .init($1)) },
      try part(.imageEncoder) { _ = try CLIPVisionEncoder($0, .init($1)) },
      try part(.adapter) { _ = try Adapter($0, AdapterConfiguration($1, weights: $0), beside: layers) },
    ]
  }

  /// Writes the folder, about 12 GB. Files of weights that exist already are kept, so that an interrupted run can
  /// continue.
  /// - Parameters:
  ///   - folder: The folder to write; created if it does not exist.
  ///   - seed: Seed for the weights.
  ///   - progress: Called after each tensor with the number of tensors that exist and the number of all tensors.
  /// - Throws: `CheckpointError` or `JSONError` if a file cannot be written; Foundation's errors if the tokenizers'
  ///   files cannot be copied.
  public static func write(to folder: String, seed: UInt64 = 0, progress: (Int, Int) -> Void = { _, _ in }) throws {
    try write(publishedParts(), to: ModelFolder(folder, variant: "fp16"), seed: seed, progress: progress)
  }

  /// Writes parts of any size into a folder.
  package static func write(
    _ parts: [Part], to folder: ModelFolder, seed: UInt64, progress: (Int, Int) -> Void = { _, _ in }
  ) throws {
    let total = parts.reduce(0) { $0 + $1.shapes.count }
    var done = 0
    for part in parts {
      try folder.write(part.configuration, of: part.part)
      let path = try folder.weightsFile(of: part.part)
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
    try folder.write(PublishedSizes.scheduler, of: .scheduler)
    try folder.write(PublishedSizes.index, of: .index)
    for (part, padding) in PublishedSizes.paddingTokens where !folder.has(part) {
      let (bundled, target) = (TokenizerFolder(Bundled.vocabulary), try folder.tokenizerToWrite(part))
      for (from, to) in [(bundled.vocabulary, target.vocabulary), (bundled.merges, target.merges)] {
        try FileManager.default.copyItem(atPath: from, toPath: to)
      }
      try PublishedSizes.tokenizer(padding: padding).write(to: target.configuration)
    }
  }

  /// Random values for one weight. Biases are 0, and other vectors, such as norms, are 1. Everything else is uniform
  /// with standard deviation 1/√fan-in (0.02 for embeddings), which is fast and keeps activations in range.
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
