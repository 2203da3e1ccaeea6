import Checkpoints
import Layers
import MSDiffusion
import Models
import Tensors
import TestSupport
import Testing

/// Takes all weights from another source and scales some of them.
private final class ScalingSource: ParameterSource {
  let inner: any ParameterSource
  let factors: [String: Float]

  init(_ inner: any ParameterSource, factors: [String: Float]) { (self.inner, self.factors) = (inner, factors) }

  func shape(of key: String) -> [Int]? { inner.shape(of: key) }

  func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    let parameter = try inner.parameter(key, shape: shape)
    guard let factor = factors[key] else { return parameter }
    return Parameter(key, shape: shape) { parameter.value * factor }
  }
}

/// The weights of a part may come from a source that wraps the part's checkpoint, as for a LoRA.
@Suite(.longNumeric) struct WrappedSourceTests {
  private static let factors: [String: Float] = [
    "conv_out.weight": 2, "mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight": 4,
  ]

  @Test func aWrappedSourceEqualsAFolderWithItsWeights() throws {
    let folder = try TemporaryFolder()
    let model = try Small.copy(to: folder)
    let checkpoint = try model.checkpoint(of: .unet)
    let tensors = try checkpoint.keys.map { key in
      (key: key, tensor: try checkpoint.stored(key).tensor * (Self.factors[key] ?? 1))
    }
    #expect(Self.factors.keys.allSatisfy(checkpoint.keys.contains))
    try SafetensorsFile.write(tensors, as: .float16, to: model.weightsFile(of: .unet))
    let written = try Pipeline(folder.path).generate(Small.scene())

    let plain = try Small.pipeline()
    var asked: [ModelPart] = []
    let wrapped = try Pipeline(Golden.path("pipeline")) { part, source in
      asked.append(part)
      return part == .unet ? ScalingSource(source, factors: Self.factors) : source
    }
    #expect(Set(asked) == Set(ModelPart.models + [.adapter]))
    let generation = try wrapped.generate(Small.scene())
    #expect(generation.latents == written.latents && generation.images == written.images)
    #expect(generation.latents != (try plain.generate(Small.scene()).latents))

    // Information about the files still comes from the wrapped checkpoint.
    #expect(wrapped.hash() == plain.hash())
    #expect(wrapped.sources.keys.sorted() == plain.sources.keys.sorted())
    #expect(wrapped.sources.values.allSatisfy { $0.surplusKeys.isEmpty })
  }

  @Test func surplusWeightsOfTheWrappedCheckpointAreRefused() throws {
    let folder = try TemporaryFolder()
    let model = try Small.copy(to: folder)
    let checkpoint = try model.checkpoint(of: .unet)
    let tensors = try checkpoint.keys.map { (key: $0, tensor: try checkpoint.stored($0).tensor) }
    try SafetensorsFile.write(
      tensors + [(key: "extra.weight", tensor: .zeros([2]))], as: .float16, to: model.weightsFile(of: .unet))
    #expect {
      try Pipeline(folder.path) { ScalingSource($1, factors: [:]) }
    } throws: { "\($0)".contains("extra.weight") }
  }

  @Test func errorsOfAWrapperAreThrown() throws {
    #expect(throws: ParameterError.self) {
      try Pipeline(Golden.path("pipeline")) { part, _ in
        throw ParameterError.missing(key: part.name, shape: [], source: "a wrapper")
      }
    }
  }
}
