import JSON
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite struct ModelTests {
  private func node(_ text: String) throws -> JSONNode {
    JSONNode(try JSONValue.parse(text, name: "config.json"), name: "config.json")
  }

  private func golden(_ part: String, _ changes: [(String, JSONValue)] = []) throws -> JSONNode {
    let node = try JSONNode.read(Golden.path("pipeline/\(part)/config.json"))
    guard case .object(var object)? = node.value else { return node }
    for (key, value) in changes { object[key] = value }
    return JSONNode(.object(object), name: "config.json")
  }

  /// Options that would change results, each refused by its name.
  @Test(
    arguments: [
      ("down_block_types", ["DownBlock2D", "AttnDownBlock2D", "CrossAttnDownBlock2D"]),
      ("up_block_types", ["CrossAttnUpBlock2D", "SkipUpBlock2D", "UpBlock2D"]),
      ("mid_block_type", "UNetMidBlock2DSimpleCrossAttn"),
      ("act_fn", "mish"), ("addition_embed_type", "image"), ("class_embed_type", "timestep"),
      ("resnet_time_scale_shift", "scale_shift"),
      ("block_out_channels", [16, -32, 40]), ("block_out_channels", [16, 32]), ("norm_num_groups", 7),
      ("attention_head_dim", [2, 3, 5]),
      ("layers_per_block", 0), ("layers_per_block", 1_000_000), ("transformer_layers_per_block", [1, 2, 1000]),
      ("in_channels", "four"),
    ] as [(String, JSONValue)])
  func unknownOptionsOfAUNetAreRefused(key: String, value: JSONValue) throws {
    let error = #expect(throws: (any Error).self) {
      try UNet(Scope(ShapeSource()), UNetConfiguration(golden("unet", [(key, value)])))
    }
    #expect("\(try #require(error))".contains(key))
    // An unknown block type is named.
    if case .array(let names) = value, case .string(let name) = names[1] {
      #expect("\(try #require(error))".contains("\(key)' is \(name), supported"))
    }
  }

  /// Building that many layers would take hours, though the weights have none of them.
  @Test func absurdNumbersOfLayersAreRefused() throws {
    let many = [("num_hidden_layers", 1_000_000 as JSONValue)]
    for part in ["text_encoder", "text_encoder_2"] {
      #expect(throws: ParameterError.self) { try CLIPTextEncoder.Configuration(golden(part, many)) }
    }
    #expect(throws: ParameterError.self) { try CLIPVisionEncoder.Configuration(golden("image_encoder", many)) }
    #expect(throws: ParameterError.self) { try VAEConfiguration(golden("vae", [("layers_per_block", 1_000_000)])) }
  }

  @Test func configurationsOfOlderModelsAreUnderstood() throws {
    // SD 1.5: one number of heads, one depth, convolutions around transformers, no added conditions.
    let configuration = try UNetConfiguration(
      node(
        """
        {"block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8, "cross_attention_dim": 768, "in_channels": 4,
         "out_channels": 4, "layers_per_block": 2, "sample_size": 64, "down_block_types": ["CrossAttnDownBlock2D",
         "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D",
         "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}
        """))
    let source = ShapeSource()
    _ = try UNet(Scope(source), configuration)
    #expect(source.parameterCount == 859_520_964)
    // SD 2.1: heads 64 wide at every resolution, linear maps around transformers, wider text.
    let second = try UNetConfiguration(
      node(
        """
        {"act_fn": "silu", "attention_head_dim": [5, 10, 20, 20], "block_out_channels": [320, 640, 1280, 1280],
         "center_input_sample": false, "cross_attention_dim": 1024, "dual_cross_attention": false, "sample_size": 96,
         "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
         "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
         "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
         "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "num_class_embeds": null,
         "only_cross_attention": false, "out_channels": 4, "upcast_attention": true, "use_linear_projection": true}
        """))
    let wider = ShapeSource()
    _ = try UNet(Scope(wider), second)
    #expect(wider.parameterCount == 865_910_724)
    #expect(wider.shape(of: "down_blocks.0.attentions.0.proj_in.weight") == [320, 320])
    #expect(source.shape(of: "down_blocks.0.attentions.0.proj_in.weight") == [320, 320, 1, 1])
  }

  @Test func weightsThatContradictTheConfigurationAreNamed() throws {
    let source = RandomSource(seed: 1)
    _ = try VAE(Scope(source), VAEConfiguration(golden("vae")))
    #expect(throws: ParameterError.self) {
      try VAE(Scope(source), VAEConfiguration(golden("vae", [("latent_channels", 5)])))
    }
  }

  @Test(.longNumeric) func anySizeGoesThroughTheUNet() throws {
    let unet = try UNet(Scope(RandomSource(seed: 2)), UNetConfiguration(golden("unet")))
    var numbers = TestNumbers(3)
    let added = AddedConditions(pooledText: numbers.tensor([1, 24]), timeIDs: numbers.tensor([1, 6]))
    for (height, width) in [(8, 12), (10, 6), (7, 9)] {
      let context = AttentionContext(numbers.tensor([1, 77, 40]), for: unet.crossAttentionLayers)
      let latents = numbers.tensor([1, 4, height, width])
      let output = unet(latents, timesteps: [500], context: context, added: added)
      #expect(output.shape == [1, 4, height, width])
      #expect(output.isFinite)
      // Extra residuals of zero change nothing; those of 0.1 change the output.
      let skips = skipShapes(unet.configuration, height: height, width: width)
      func residuals(_ value: Float) -> ExtraResiduals {
        ExtraResiduals(skips: skips.map { Tensor(repeating: value, shape: $0) })
      }
      #expect(unet(latents, timesteps: [500], context: context, added: added, residuals: residuals(0)) == output)
      #expect(unet(latents, timesteps: [500], context: context, added: added, residuals: residuals(0.1)) != output)
    }
  }

  /// Shapes of the skip connections.
  private func skipShapes(_ configuration: UNetConfiguration, height: Int, width: Int) -> [[Int]] {
    var (h, w, shapes) = (height, width, [[1, configuration.channels[0], height, width]])
    for (index, channels) in configuration.channels.enumerated() {
      shapes += Array(repeating: [1, channels, h, w], count: configuration.layersPerBlock[index])
      if index + 1 < configuration.channels.count {
        (h, w) = ((h + 1) / 2, (w + 1) / 2)
        shapes.append([1, channels, h, w])
      }
    }
    return shapes
  }

  @Test(.longNumeric) func tilesMeetWithoutASeam() throws {
    let vae = try VAE(Scope(RandomSource(seed: 5)), VAEConfiguration(golden("vae")))
    var numbers = TestNumbers(6)
    let latents = numbers.tensor([1, 4, 12, 20], in: -1...1)
    let whole = vae.decode(latents)
    #expect(vae.decodeTiled(latents, tile: 20) == whole)
    let tiled = vae.decodeTiled(latents, tile: 8)
    #expect(tiled.shape == whole.shape)
    // Norms see one tile at a time, so the result is close, but not equal.
    let difference = (tiled - whole).abs().mean().item
    #expect(difference > 0)
    #expect(difference < whole.abs().mean().item)
    // Every pixel has a weight above zero in some tile, so none is divided by zero.
    let flat = Tensor(repeating: 0.3, shape: [1, 4, 12, 20])
    #expect(vae.decodeTiled(flat, tile: 8).isFinite)
  }
}
