import JSON
import MSDiffusion
import TrainingData

/// The architecture of a small MS-Diffusion model that can be trained on an ordinary CPU, and the scenes that it is
/// trained on. Latents are 16×16; cross-attention runs at 16×16, 8×8 and 4×4.
public struct SmallModel: Sendable {
  /// The bundled model: images of 64×64 pixels.
  public static let first = SmallModel(
    name: "first", rules: .varied, imageSize: 64, cropSize: nil, cropSteps: 0, latentChannels: 4,
    autoencoderWidths: [16, 32, 64], unetWidths: [64, 128, 192], unetHeads: [4, 4, 6],
    stages: TrainingStage.allCases, steps: [.vae: 6000, .clip: 1000, .base: 12000, .adapter: 7000],
    cosineEnds: [.vae: 6000, .clip: 1000], averageDecay: 0.9985, reservoirs: [:])
  /// The model that is to replace the bundled one: images of 128×128 pixels with large subjects of fewer kinds. Its text
  /// and image encoders are those of ``first``.
  public static let second = SmallModel(
    name: "second", rules: .readable, imageSize: 128, cropSize: 64, cropSteps: 5600, latentChannels: 8,
    autoencoderWidths: [16, 32, 96, 128], unetWidths: [64, 128, 192], unetHeads: [4, 4, 6],
    stages: [.vae, .base, .adapter], steps: [.vae: 6900, .base: 30000, .adapter: 20000],
    cosineEnds: [.vae: 8000], averageDecay: 0.999, reservoirs: [.base: 200_000, .adapter: 100_000])
  /// All models.
  public static let all = [first, second]

  public let name: String
  /// How the scenes are composed.
  public let rules: SceneRules
  /// Side of the images in pixels.
  public let imageSize: Int
  /// Side of the crops around subjects on which the autoencoder is trained in its first ``cropSteps`` steps; nil: it is
  /// trained on whole scenes only.
  let cropSize: Int?
  let cropSteps: Int
  let latentChannels: Int
  /// At each resolution, the finest first: channels of the autoencoder, channels of the U-Net, and heads of the U-Net's
  /// attention.
  let autoencoderWidths, unetWidths, unetHeads: [Int]

  /// The stages that are trained for this model, in order.
  public let stages: [TrainingStage]
  /// Number of steps of each stage.
  let steps: [TrainingStage: Int]
  /// The step at which the learning rate of a stage would reach its lowest value along a cosine, even if the stage ends
  /// before; a stage without a number has a constant rate.
  let cosineEnds: [TrainingStage: Int]
  /// Decay of the averages of the base's and the adapter's weights.
  let averageDecay: Double

  /// Number of scenes that a stage draws and encodes once and then uses again and again. A stage without a number uses
  /// every scene once.
  let reservoirs: [TrainingStage: Int]

  /// Side, in pixels, of references and of the images on which CLIP is trained.
  static let referenceSize = 64
  /// Number of tokens that the text encoder reads, including the start and end tokens.
  public static let textLength = 32
  /// Width of the text and image tokens that cross-attention reads.
  static let contextWidth = 128
  /// Width of the embedding that images and texts share.
  static let embeddingWidth = 128

  /// The U-Net reads latents as (encoder output − `shift`) · `scale`.
  func vae(scale: Float = 1, shift: Float = 0) -> JSONValue {
    let levels = autoencoderWidths.count
    return [
      "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": Self.list(autoencoderWidths),
      "down_block_types": .array([JSONValue](repeating: "DownEncoderBlock2D", count: levels)), "in_channels": 3,
      "latent_channels": JSONValue(latentChannels), "layers_per_block": 1, "mid_block_add_attention": true,
      "norm_num_groups": 8,
      "out_channels": 3, "sample_size": JSONValue(imageSize), "scaling_factor": JSONValue(scale),
      "shift_factor": JSONValue(shift),
      "up_block_types": .array([JSONValue](repeating: "UpDecoderBlock2D", count: levels)), "use_post_quant_conv": true,
      "use_quant_conv": true,
    ]
  }

  static func textEncoder(vocabulary: Int) -> JSONValue {
    [
      "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_act": "gelu", "hidden_size": 128,
      "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4,
      "max_position_embeddings": JSONValue(textLength), "vocab_size": JSONValue(vocabulary), "layer_norm_eps": 1e-5,
      "projection_dim": JSONValue(embeddingWidth), "eos_token_id": 2,
    ]
  }

  static let imageEncoder: JSONValue = [
    "architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model", "hidden_act": "gelu",
    "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4, "num_channels": 3,
    "image_size": 64, "patch_size": 8, "projection_dim": JSONValue(embeddingWidth), "layer_norm_eps": 1e-5,
  ]

  static let imageProcessor: JSONValue = [
    "crop_size": ["height": 64, "width": 64], "do_center_crop": true, "do_normalize": true, "do_rescale": true,
    "do_resize": true, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711], "image_processor_type": "CLIPImageProcessor", "resample": 3,
    "rescale_factor": 0.00392156862745098, "size": ["shortest_edge": 64],
  ]

  var unet: JSONValue {
    [
      "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": Self.list(unetHeads),
      "block_out_channels": Self.list(unetWidths), "center_input_sample": false,
      "cross_attention_dim": JSONValue(Self.contextWidth),
      "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"], "downsample_padding": 1,
      "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": JSONValue(latentChannels), "layers_per_block": 1,
      "norm_eps": 1e-5, "norm_num_groups": 16, "out_channels": JSONValue(latentChannels), "sample_size": 16,
      "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], "use_linear_projection": true,
    ]
  }

  private static func list(_ numbers: [Int]) -> JSONValue { .array(numbers.map { JSONValue($0) }) }

  static let scheduler: JSONValue = [
    "_class_name": "EulerDiscreteScheduler", "beta_schedule": "squaredcos_cap_v2",
    "num_train_timesteps": 1000, "prediction_type": "v_prediction", "steps_offset": 1,
    "timestep_spacing": "trailing",
  ]

  static let index: JSONValue = [
    "_class_name": "StableDiffusionPipeline", "force_zeros_for_empty_prompt": false,
    "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
  ]

  /// Default settings of the bundled model. The quality prompt and the negative prompt are empty, since the model has
  /// never seen words about quality.
  static let defaults = SettingsOverlay {
    ($0.qualityPrompt, $0.negativePrompt) = ("", "")
    ($0.guidance, $0.guidanceInterval, $0.scale) = (7.5, 0...5, 1.4)
  }

  /// The configuration of an adapter with this projector: 16 tokens per subject and 4 dummy tokens. Resamplers have two
  /// blocks.
  static func adapter(_ projector: any ProjectorConfiguration.Type) -> JSONValue {
    [
      "projector": .string(projector.name), "tokens": 16, "dummies": 4, "context_width": JSONValue(contextWidth),
      // Image features are as wide as the image encoder's embedding, phrase features as wide as text tokens.
      "image_width": JSONValue(embeddingWidth), "phrase_width": JSONValue(contextWidth), "hidden_width": 128,
      "width": 128, "depth": 2, "heads": 4, "head_width": 32, "network_width": 512,
    ]
  }
}
