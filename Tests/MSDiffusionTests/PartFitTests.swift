import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import TestSupport
import Testing

/// Every pair of sizes in the table of `PartFit`.
@Suite struct PartFitTests {
  private static let golden = Result {
    var fit = PartFit(ModelFolder(Golden.path("pipeline")))
    for part in ModelPart.models + [.adapter] { try fit.read(part) }
    for index in fit.text.indices {
      fit.text[index].tokens = try CLIPTokenizer(folder: fit.folder.path(of: fit.text[index].tokenizer))
    }
    fit.imageProcessor = try fit.folder.imageProcessor().map { try CLIPImageProcessor($0) }
    return fit
  }

  private func resampler(_ change: (inout GroundingResampler.Configuration) -> Void) throws
    -> any ProjectorConfiguration
  {
    var projector = try #require(try Self.golden.get().projector as? GroundingResampler.Configuration)
    change(&projector)
    return projector
  }

  private func linear(width: Int, context: Int) throws -> any ProjectorConfiguration {
    let json = JSONValue.object([
      ("tokens", 2), ("image_width", JSONValue(width)), ("context_width", JSONValue(context)),
    ])
    return try LinearProjector.Configuration(
      AdapterSizes(JSONNode(json, name: "ms_adapter_config.json"), weights: Scope(ShapeSource())))
  }

  /// Checks that exactly one pair does not fit, and that the error names parts, sizes and files.
  private func expect(
    _ first: (part: String, size: String, value: String), _ second: (part: String, size: String, value: String),
    after change: (inout PartFit) throws -> Void, at location: SourceLocation = #_sourceLocation
  ) throws {
    var fit = try Self.golden.get()
    try change(&fit)
    let misfits = fit.misfits
    guard misfits.count == 1, case .incompatible(let one, let other)? = misfits.first else {
      Issue.record("expected one pair, found \(misfits)", sourceLocation: location)
      return
    }
    for (found, expected) in [(one, first), (other, second)] {
      #expect(found.part == expected.part, sourceLocation: location)
      #expect(found.name.contains(expected.size), "\(found.name)", sourceLocation: location)
      #expect(found.value == expected.value, sourceLocation: location)
      let isThere = expected.part == "images" || found.file.hasPrefix(fit.folder.path)
      #expect(isThere, "\(found.file)", sourceLocation: location)
    }
    #expect("\(misfits[0])".contains("\(first.part) and \(second.part) do not fit together"), sourceLocation: location)
    #expect(throws: misfits[0], sourceLocation: location) { try fit.check() }
  }

  @Test func theGoldenPartsFit() throws {
    let misfits = try Self.golden.get().misfits
    #expect(misfits.isEmpty, "\(misfits)")
  }

  @Test func textWidths() throws {
    let both = "text_encoder and text_encoder_2"
    try expect((both, "hidden_size", "40"), ("unet", "cross_attention_dim[2]", "41")) {
      $0.unet?.contextWidths[2] = 41
      $0.projector = nil
    }
    try expect(("text_encoder_2", "projection_dim", "25"), ("unet", "projection_class_embeddings_input_dim", "24")) {
      $0.text[1].configuration?.projection = 25
    }
    try expect(("text_encoder_2", "hidden_size", "24"), ("unet", "projection_class_embeddings_input_dim", "23")) {
      $0.text[1].configuration?.projection = nil
      $0.unet?.addedConditions?.inputWidth -= 1
    }
    try expect(("text_encoder_2", "projection_dim", "24"), ("unet", "6 × addition_time_embed_dim", "12")) {
      $0.unet?.addedConditions?.timeWidth += 2
    }
    try expect(
      ("text_encoder", "max_position_embeddings", "77"), ("text_encoder_2", "max_position_embeddings", "64")
    ) { $0.text[1].configuration?.positions = 64 }
  }

  @Test func tokenizers() throws {
    for (index, part) in ["", "_2"].enumerated() {
      let (tokenizer, encoder) = ("tokenizer\(part)", "text_encoder\(part)")
      try expect((tokenizer, "greatest token ID", "49407"), (encoder, "vocab_size", "49407")) {
        $0.text[index].configuration?.vocabulary = 49407
      }
      try expect((tokenizer, "end token", "49407"), (encoder, "eos_token_id", "5")) {
        $0.text[index].configuration?.endToken = 5
      }
      var fit = try Self.golden.get()
      fit.text[index].configuration?.vocabulary = 60000
      fit.text[index].configuration?.endToken = 49407
      #expect(fit.misfits.isEmpty)
    }
  }

  @Test func latentsAndImages() throws {
    try expect(("vae", "latent_channels", "4"), ("unet", "in_channels", "9")) { $0.unet?.inChannels = 9 }
    try expect(("vae", "latent_channels", "4"), ("unet", "out_channels", "8")) { $0.unet?.outChannels = 8 }
    try expect(("vae", "in_channels", "1"), ("images", "colours", "3")) { $0.vae?.imageChannels = 1 }
    try expect(("vae", "out_channels", "4"), ("images", "colours", "3")) { $0.vae?.outputChannels = 4 }
    try expect(("image_encoder", "num_channels", "1"), ("images", "colours", "3")) { $0.imageEncoder?.channels = 1 }
    try expect(("image preprocessing", "crop_size", "56×84"), ("image_encoder", "image_size", "56×56")) {
      $0.imageProcessor?.crop = .init(height: 56, width: 84)
    }
    try expect(("image preprocessing", "size", "64×64"), ("image_encoder", "image_size", "56×56")) {
      $0.imageProcessor?.crop = nil
      $0.imageProcessor?.resizing = .shortEdge(64)
    }
    // Without resizing and cropping, images come as MS-Diffusion resizes them.
    try expect(("image preprocessing", "size", "512×512"), ("image_encoder", "image_size", "56×56")) {
      $0.imageProcessor?.crop = nil
      $0.imageProcessor?.resizing = nil
    }
  }

  @Test func theAdapter() throws {
    try expect(("image_encoder", "hidden_size", "32"), ("ms_adapter", "image features", "33")) {
      $0.projector = try resampler { $0.perceiver.imageWidth = 33 }
    }
    try expect(("image_encoder", "projection_dim", "24"), ("ms_adapter", "image features", "32")) {
      $0.projector = try linear(width: 32, context: 40)
    }
    try expect(("text_encoder", "hidden_size", "16"), ("ms_adapter", "phrases", "17")) {
      $0.projector = try resampler { $0.groundingWidth += 1 }
    }
    try expect(("unet", "cross_attention_dim", "40"), ("ms_adapter", "subject tokens", "48")) {
      $0.projector = try linear(width: 24, context: 48)
    }
    try expect(("unet", "number of cross-attention layers", "21"), ("ms_adapter", "number of layers", "22")) {
      $0.layers.removeLast()
    }
    try expect(("unet", "number of cross-attention layers", "23"), ("ms_adapter", "number of layers", "22")) {
      $0.layers.append($0.layers[0])
    }
    try expect(("unet", "attn2.to_k", "[40, 40]"), ("ms_adapter", "ms_adapter.1.to_k_ip.weight", "[32, 40]")) {
      $0.layers[0] = try #require($0.layers.first { $0.width == 40 })
    }
  }
}
