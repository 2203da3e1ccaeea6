import Analysis
import Checkpoints
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TestSupport
import Testing

/// Models with one text encoder: without added conditions as in SD 1.x and 2.x, and with the added conditions of SDXL.
@Suite(.longNumeric) struct OneEncoderTests {
  /// Writes the golden pipeline without its second text encoder. The text is narrower then, so the U-Net of that width
  /// has random weights, and the adapter's weights are cut to it.
  private func folder(added: Bool) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let golden = ModelFolder(Golden.path("pipeline"))
    let model = try Small.copy([.vae, .textEncoder, .tokenizer, .imageEncoder, .scheduler], to: folder)
    guard case .object(var options)? = try golden.configuration(of: .unet).value else { return folder }
    options["cross_attention_dim"] = 16
    options["projection_class_embeddings_input_dim"] = added ? 112 : .null  // 16 + 6 · 16
    if !added { options["addition_embed_type"] = .null }
    if !added { options["addition_time_embed_dim"] = .null }
    try model.write(.object(options), of: .unet)
    let weights = RandomSource(seed: 3)
    _ = try UNet(Scope(weights), UNetConfiguration(JSONNode(.object(options), name: "U-Net")))
    try SafetensorsFile.write(
      weights.parameters.sorted { $0.key < $1.key }.map { (key: $0.key, tensor: $0.value.value) }, as: .float16,
      to: ModelFolder(folder.path, variant: "fp16").weightsFile(of: .unet))

    let adapter = try golden.checkpoint(of: .adapter)
    let tensors = try adapter.keys.map { key in
      let tensor = try adapter.stored(key).tensor
      let isOutput = ["image_proj.proj_out.", "image_proj.norm_out."].contains { key.hasPrefix($0) }
      let axis = isOutput ? 0 : tensor.rank - 1
      let isCut = isOutput || key.hasPrefix("ms_adapter.") || key == "dummy_image_tokens"
      return (key: key, tensor: isCut ? tensor.sliced(axis: axis, 0..<16) : tensor)
    }
    try SafetensorsFile.write(tensors, as: .float16, to: model.weightsFile(of: .adapter))
    return folder
  }

  @Test func withoutAddedConditionsTextIsTheLastStateAfterTheNorm() throws {
    let folder = try folder(added: false)
    let pipeline = try Pipeline(folder.path, adapterHeads: 3)
    let encoder = pipeline.text[0].encoder
    func states(_ prompt: String) -> CLIPTextEncoder.Output {
      encoder([pipeline.text[0].tokenizer.encode(prompt, length: 77).ids])
    }
    let scene = try Small.scene()
    let conditions = try pipeline.conditions(for: scene)
    #expect(pipeline.text.count == 1)
    #expect(conditions.text == states(scene.prompt).lastHidden.reshaped([77, 16]))
    #expect(conditions.phrases.sliced(axis: 0, 0..<1) == states("cat").pooled)
    // Without a negative prompt an empty one is used: these models were not trained with zeros.
    let without = try pipeline.conditions(for: scene.with { $0.negativePrompt = nil })
    #expect(without.negativeText == states("").lastHidden.reshaped([77, 16]))

    let first = try pipeline.generate(scene)
    #expect(first.latents.isFinite)
    #expect(first.images[0].width == 96)
    let changes: [(inout Scene) throws -> Void] = [
      { $0.subjects[0].box = Box(0, 0.25, 0.45, 0.75) }, { $0.subjects[0].phrase = "beach" },
      { $0.subjects[0].image = try Small.photo("rocket.jpg") }, { $0.prompt = "a cat and a cup on the sea" },
      { $0.layout.pseudoLayout = PseudoLayout(startStep: 2) },
    ]
    for (index, change) in changes.enumerated() {
      #expect(try pipeline.generate(Small.scene(change)).latents != first.latents, "change \(index)")
    }
    #expect("\(pipeline)".contains("1 text encoder,"))
  }

  @Test func withAddedConditionsTextIsTheSecondToLastState() throws {
    let folder = try folder(added: true)
    let pipeline = try Pipeline(folder.path, adapterHeads: 3)
    let scene = try Small.scene { $0.negativePrompt = nil }
    let ids = pipeline.text[0].tokenizer.encode(scene.prompt, length: 77).ids
    let states = pipeline.text[0].encoder([ids])
    let conditions = try pipeline.conditions(for: scene)
    #expect(conditions.text == states.penultimate.reshaped([77, 16]))
    #expect(conditions.pooled == states.pooled.reshaped([16]))
    #expect(conditions.negativeText == .zeros([77, 16]))
    #expect(try pipeline.generate(scene).latents.isFinite)
  }

  @Test func aMissingSecondEncoderIsNamed() throws {
    let folder = try TemporaryFolder()
    _ = try Small.copy(ModelPart.all.filter { $0 != .secondTextEncoder }, to: folder)
    #expect {
      try Pipeline(folder.path)
    } throws: { "\($0)".contains("there is no text_encoder_2/") }
  }
}
