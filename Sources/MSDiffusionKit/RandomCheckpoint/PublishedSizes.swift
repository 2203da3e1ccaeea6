/// Configurations for the parts of the published model: SDXL 1.0, an OpenCLIP bigG image encoder, and MS-Diffusion's
/// adapter.
enum PublishedSizes {
  static let models: [ModelPart: JSONValue] = [
    .unet: unet, .vae: vae, .textEncoder: textEncoder, .secondTextEncoder: secondTextEncoder,
    .imageEncoder: imageEncoder, .adapter: adapter,
  ]

  private static let unet: JSONValue = [
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

  private static let vae: JSONValue = [
    "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32,
    "sample_size": 1024, "scaling_factor": 0.13025,
  ]

  private static let textEncoder: JSONValue = [
    "architectures": ["CLIPTextModel"], "hidden_act": "quick_gelu", "hidden_size": 768, "intermediate_size": 3072,
    "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 77, "vocab_size": 49408,
    "eos_token_id": 2, "layer_norm_eps": 1e-5, "projection_dim": 768,
  ]

  private static let secondTextEncoder: JSONValue = [
    "architectures": ["CLIPTextModelWithProjection"], "hidden_act": "gelu", "hidden_size": 1280,
    "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "max_position_embeddings": 77,
    "vocab_size": 49408, "eos_token_id": 2, "layer_norm_eps": 1e-5, "projection_dim": 1280,
  ]

  private static let imageEncoder: JSONValue = [
    "architectures": ["CLIPVisionModelWithProjection"], "hidden_act": "gelu", "hidden_size": 1664,
    "intermediate_size": 8192, "num_hidden_layers": 48, "num_attention_heads": 16, "image_size": 224,
    "patch_size": 14, "num_channels": 3, "layer_norm_eps": 1e-5, "projection_dim": 1280,
  ]

  static let scheduler: JSONValue = [
    "_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "steps_offset": 1, "timestep_spacing": "leading",
  ]

  static let index: JSONValue = ["_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": true]

  /// The grounding resampler with its dummy tokens.
  private static let adapter: JSONValue = [
    "projector": "grounding", "tokens": 16, "dummies": 4, "phrase_width": 768, "hidden_width": 1664,
    "image_width": 1664, "width": 1280, "depth": 4, "heads": 20, "head_width": 64, "network_width": 5120,
    "context_width": 2048,
  ]

  /// The two tokenizers and the tokens with which they pad short texts. Both have CLIP's vocabulary.
  static let paddingTokens: [(ModelPart, String)] = [(.tokenizer, "<|endoftext|>"), (.secondTokenizer, "!")]

  static func tokenizer(padding: String) -> JSONValue {
    [
      "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": true,
      "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
      "pad_token": .string(padding),
    ]
  }
}
