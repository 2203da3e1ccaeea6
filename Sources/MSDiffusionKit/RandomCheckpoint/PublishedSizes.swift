/// The configurations of the published model's parts: SDXL 1.0, an OpenCLIP bigG image encoder, and MS-Diffusion's
/// adapter.
enum PublishedSizes {
  static let unet: JSONValue = [
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280],
    "center_input_sample": false, "cross_attention_dim": 2048,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "mid_block_type": "UNetMidBlock2DCrossAttn", "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4,
    "out_channels": 4, "layers_per_block": 2, "norm_eps": 1e-5, "norm_num_groups": 32,
    "projection_class_embeddings_input_dim": 2816, "sample_size": 128, "transformer_layers_per_block": [1, 2, 10],
    "use_linear_projection": true,
  ]

  static let vae: JSONValue = [
    "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32,
    "sample_size": 1024, "scaling_factor": 0.13025,
  ]

  static let textEncoder: JSONValue = [
    "architectures": ["CLIPTextModel"], "hidden_act": "quick_gelu", "hidden_size": 768, "intermediate_size": 3072,
    "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 77, "vocab_size": 49408,
    "eos_token_id": 2, "layer_norm_eps": 1e-5, "projection_dim": 768,
  ]

  static let secondTextEncoder: JSONValue = [
    "architectures": ["CLIPTextModelWithProjection"], "hidden_act": "gelu", "hidden_size": 1280,
    "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "max_position_embeddings": 77,
    "vocab_size": 49408, "eos_token_id": 2, "layer_norm_eps": 1e-5, "projection_dim": 1280,
  ]

  static let imageEncoder: JSONValue = [
    "architectures": ["CLIPVisionModelWithProjection"], "hidden_act": "gelu", "hidden_size": 1664,
    "intermediate_size": 8192, "num_hidden_layers": 48, "num_attention_heads": 16, "image_size": 224,
    "patch_size": 14, "num_channels": 3, "layer_norm_eps": 1e-5, "projection_dim": 1280,
  ]

  static let scheduler: JSONValue = [
    "_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "steps_offset": 1, "timestep_spacing": "leading",
  ]

  static let index: JSONValue = ["_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": true]

  /// The two tokenizers, which share CLIP's vocabulary and differ in the token that fills a short text up.
  static let paddingTokens = ["tokenizer": "<|endoftext|>", "tokenizer_2": "!"]

  static func tokenizer(padding: String) -> JSONValue {
    [
      "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": true,
      "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
      "pad_token": .string(padding),
    ]
  }

  /// Shapes of the grounding resampler's weights: width 1280, depth 4, 20 heads of 64, 16 tokens a subject, image states
  /// of 1664, phrases of 768, context of 2048, dummy tokens.
  static let resampler: [String: [Int]] = {
    var shapes: [String: [Int]] = [
      "dummy_image_tokens": [1, 4, 2048], "image_proj.grounding_latents": [1, 16, 1280],
      "image_proj.latent_proj.0.weight": [1664, 832], "image_proj.latent_proj.0.bias": [1664],
      "image_proj.latent_proj.2.weight": [20480, 1664], "image_proj.latent_proj.2.bias": [20480],
      "image_proj.proj_in.weight": [1280, 1664], "image_proj.proj_in.bias": [1280],
      "image_proj.proj_out.weight": [2048, 1280], "image_proj.proj_out.bias": [2048],
    ]
    func norm(_ name: String, _ width: Int) {
      shapes["image_proj.\(name).weight"] = [width]
      shapes["image_proj.\(name).bias"] = [width]
    }
    norm("latent_norm", 1280)
    norm("attention_norm", 1280)
    norm("norm_out", 2048)
    for layer in 0..<4 {
      norm("layers.\(layer).0.norm1", 1280)
      norm("layers.\(layer).0.norm2", 1280)
      norm("layers.\(layer).1.0", 1280)
      shapes["image_proj.layers.\(layer).0.to_q.weight"] = [1280, 1280]
      shapes["image_proj.layers.\(layer).0.to_kv.weight"] = [2560, 1280]
      shapes["image_proj.layers.\(layer).0.to_out.weight"] = [1280, 1280]
      shapes["image_proj.layers.\(layer).1.1.weight"] = [5120, 1280]
      shapes["image_proj.layers.\(layer).1.3.weight"] = [1280, 5120]
    }
    return shapes
  }()
}
