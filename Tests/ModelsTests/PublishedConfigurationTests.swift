import Checkpoints
import Foundation
import Images
import JSON
import Layers
import Models
import Tensors
import TestSupport
import Testing

/// Configurations as diffusers and transformers write them: omitted entries, forms of sizes, options that are off.
@Suite struct PublishedConfigurationTests {
  private func same(_ one: [Int], _ other: [Int]) -> Bool { one == other }

  private func node(_ value: JSONValue) -> JSONNode { JSONNode(value, name: "config.json") }

  @Test func whatIsLeftOutHasTheLibrariesDefaults() throws {
    let text = try CLIPTextEncoder.Configuration(node([:]))
    #expect(same([text.width, text.inner, text.layers, text.heads, text.positions], [512, 2048, 12, 8, 77]))
    #expect(same([text.vocabulary, text.endToken], [49408, 49407]))
    #expect(text.activation == Activation.quickGELU)
    #expect(text.projection == nil)
    #expect(text.epsilon == 1e-5)
    let vision = try CLIPVisionEncoder.Configuration(node([:]))
    #expect(
      same([vision.width, vision.inner, vision.layers, vision.heads, vision.projection], [768, 3072, 12, 12, 512]))
    #expect(same([vision.imageSize, vision.patchSize, vision.channels], [224, 32, 3]))
    #expect(vision.activation == Activation.quickGELU)
    let unet = try UNetConfiguration(node([:]))
    #expect(unet.channels == [320, 640, 1280, 1280])
    #expect(unet.heads == [8, 8, 8, 8])
    #expect(unet.contextWidths == [1280, 1280, 1280, 1280])
    #expect(unet.downBlocks == [.crossDown, .crossDown, .crossDown, .down])
    #expect(unet.upBlocks == [.up, .crossUp, .crossUp, .crossUp])
    #expect(same([unet.inChannels, unet.groups, unet.sampleSize, unet.sampleWidth], [4, 32, 64, 64]))
    let vae = try VAEConfiguration(node([:]))
    #expect(vae.channels == [64])
    #expect(same([vae.sampleSize, vae.latentChannels], [32, 4]))
    #expect(vae.scalingFactor == 0.18215)
    let processor = try CLIPImageProcessor(node([:]))
    #expect(processor.resizing == .shortEdge(224))
    #expect(processor.crop == .init(height: 224, width: 224))
  }

  /// The configuration of a whole CLIP model contains one for each encoder. The width of both projections is outside of
  /// these.
  @Test func nestedConfigurationsAreUnderstood() throws {
    let whole: JSONValue = [
      "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 24,
      "text_config": ["hidden_size": 16, "num_attention_heads": 4, "projection_dim": 512],
      "vision_config": ["hidden_size": 32, "hidden_act": "gelu", "image_size": 56, "patch_size": 14],
    ]
    let vision = try CLIPVisionEncoder.Configuration(node(whole))
    #expect(same([vision.width, vision.projection, vision.tokens], [32, 24, 17]))
    #expect(vision.activation == Activation.gelu)
    let text = try CLIPTextEncoder.Configuration(node(whole))
    #expect(text.width == 16 && text.projection == 24 && text.layers == 12)
    // The index of a model folder decides which class reads the weights.
    #expect(try CLIPTextEncoder.Configuration(node(whole), className: "CLIPTextModel").projection == nil)
    let bare = try CLIPTextEncoder.Configuration(node(["projection_dim": 7]), className: "CLIPTextModelWithProjection")
    #expect(bare.projection == 7)
  }

  @Test func sizesMayBeNumbersListsOrObjects() throws {
    for (size, height, width): (JSONValue, Int, Int) in [
      (8, 8, 8), ([8, 12], 8, 12), (["height": 8, "width": 12], 8, 12),
    ] {
      let unet = try UNetConfiguration(node(["sample_size": size]))
      #expect(unet.sampleSize == height && unet.sampleWidth == width)
      #expect(try VAEConfiguration(node(["sample_size": size])).sampleSize == height)
    }
    for size: JSONValue in [[1, 2, 3], "64", 0, [8, -1], ["height": 8]] {
      #expect(throws: (any Error).self) { try UNetConfiguration(node(["sample_size": size])) }
    }
    for (crop, height, width): (JSONValue, Int, Int) in [
      (56, 56, 56), ([56, 48], 56, 48), (["height": 56, "width": 48], 56, 48),
    ] {
      #expect(try CLIPImageProcessor(node(["crop_size": crop])).crop == .init(height: height, width: width))
    }
    #expect(try CLIPImageProcessor(node(["size": 56])).resizing == .shortEdge(56))
    #expect(
      try CLIPImageProcessor(node(["size": ["shortest_edge": 56, "longest_edge": 60]])).resizing == .shortEdge(56))
    for size: JSONValue in [[56, 48], ["height": 56, "width": 48]] {
      #expect(try CLIPImageProcessor(node(["size": size])).resizing == .exact(height: 56, width: 48))
    }
    #expect(throws: JSONError.self) { try CLIPImageProcessor(node(["size": ["longest_edge": 56]])) }
  }

  @Test func optionsThatAreOffForEachBlockAreOff() throws {
    _ = try UNetConfiguration(node(["only_cross_attention": [false, false, false, false]]))
    let error = #expect(throws: ParameterError.self) {
      try UNetConfiguration(node(["only_cross_attention": [true, true, true, false]]))
    }
    #expect("\(try #require(error))".contains("only_cross_attention"))
  }

  /// Mean, and the three numbers at row 3, column 5, as transformers' CLIPImageProcessor computes them.
  @Test(
    arguments: [
      ([], 0.15171796, [-1.1353334, -1.0617398, -0.81187665]),
      ([("do_normalize", false)], 0.49032655, [0.1764706, 0.18039216, 0.18431373]),
      ([("do_rescale", false)], 464.10248, [165.72469, 174.28902, 168.94727]),
      ([("do_rescale", false), ("do_normalize", false)], 125.03327, [45, 46, 47]),
      (
        [("rescale_factor", 0.00784313725490196), ("do_normalize", false)], 0.9806531,
        [0.3529412, 0.36078432, 0.36862746]
      ),
      ([("do_resize", false)], 0.14923175, [-0.09884507, 0.00381176, 0.19774802]),
      ([("do_center_crop", false)], 0.15171796, [-1.1353334, -1.0617398, -0.81187665]),
      ([("size", ["height": 56, "width": 56])], 0.15171796, [-1.1353334, -1.0617398, -0.81187665]),
      ([("image_mean", 0.5), ("image_std", 0.5)], -0.01934689, [-0.64705884, -0.6392157, -0.6313726]),
      ([("size", 40)], -0.7425733, [-1.7922626, -1.7520971, -1.4802198]),
      ([("resample", 1)], 0.1517882, [-1.2667192, -1.1968098, -0.9398572]),
      ([("resample", 2)], 0.15152963, [-0.88716006, -0.8066077, -0.57013553]),
      ([("resample", 4)], 0.15093216, [-0.87256163, -0.79159987, -0.5559154]),
    ] as [([(String, JSONValue)], Float, [Float])])
  func preprocessingLeavesOutWhatIsSwitchedOff(changes: [(String, JSONValue)], mean: Float, numbers: [Float]) throws {
    var processor = try CLIPImageProcessor(
      node(.object([("size", 56), ("crop_size", ["height": 56, "width": 56])] + changes)))
    processor.referenceSide = nil
    var image = PixelImage(width: 64, height: 64)
    for index in image.pixels.indices { image.pixels[index] = UInt8(index % 251) }
    let output = processor(image)
    #expect(output.shape == [3, 56, 56])
    #expect((output.mean().item - mean).magnitude < 1e-4 * max(1, mean.magnitude))
    let values = output.values
    let found: [Float] = [0, 1, 2].map { (channel: Int) -> Float in values[channel * 3136 + 173] }
    #expect(Tensor(found, shape: [3]).isClose(to: Tensor(numbers, shape: [3]), relative: 1e-4), "\(found)")
  }

  @Test(arguments: [("resample", 0), ("do_pad", true), ("image_mean", [0.5])] as [(String, JSONValue)])
  func whatIsNotSupportedInPreprocessingIsNamed(key: String, value: JSONValue) throws {
    let error = #expect(throws: ParameterError.self) { try CLIPImageProcessor(node(.object([(key, value)]))) }
    #expect("\(try #require(error))".contains(key))
  }

  @Test func keysMayHaveOtherNamesAroundThem() throws {
    let keys = PublishedKeys(
      ["embeddings.token_embedding.weight", "final_layer_norm.bias", "text_projection.weight"], of: .textEncoder)
    #expect(keys.stored("text_model.final_layer_norm.bias") == "final_layer_norm.bias")
    #expect(keys.stored("text_projection.weight") == "text_projection.weight")
    let wrapped = PublishedKeys(["module.text_model.embeddings.token_embedding.weight"], of: .textEncoder)
    #expect(wrapped.stored("text_model.a") == "module.text_model.a")
    #expect(wrapped.stored("text_projection.weight") == "module.text_projection.weight")
    let vision = PublishedKeys(["embeddings.patch_embedding.weight"], of: .imageEncoder)
    #expect(vision.stored("vision_model.pre_layrnorm.bias") == "pre_layrnorm.bias")
    #expect(PublishedKeys(["module.conv_in.weight"], of: .unet).stored("mid_block.a") == "module.mid_block.a")
    #expect(PublishedKeys(["conv_in.weight"], of: .unet).stored("mid_block.a") == "mid_block.a")
    #expect(vision.isIgnored("text_model.a") && vision.isIgnored("logit_scale") && !vision.isIgnored("extra.weight"))
    #expect(!wrapped.isIgnored("text_projection.weight") && wrapped.isIgnored("module.vision_model.a"))
  }
}
