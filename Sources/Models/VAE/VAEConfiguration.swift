import JSON
import Layers

/// The options of an AutoencoderKL's `config.json`.
public struct VAEConfiguration: Sendable {
  public var imageChannels: Int
  public var outputChannels: Int
  public var latentChannels: Int
  /// Number of channels at each resolution, the finest resolution first.
  public var channels: [Int]
  /// Number of residual blocks in each block of the encoder; blocks of the decoder have one more.
  public var layersPerBlock: Int
  /// Number of groups of channels in group norms.
  public var groups: Int
  /// The U-Net's latents are (encoder's result − `shiftFactor`) · `scalingFactor`.
  public var scalingFactor: Float
  /// Subtracted from the encoder's result before it is scaled.
  public var shiftFactor: Float
  /// Whether the middle block has attention.
  public var attendsInMiddle: Bool
  public var usesQuantConvolution: Bool
  public var usesPostQuantConvolution: Bool
  /// Side of the training images in pixels: the size of a tile in tiled decoding.
  public var sampleSize: Int

  /// Number of pixels per latent along a side.
  public var factor: Int { 1 << (channels.count - 1) }

  /// Reads a `config.json`. An entry that it omits has the default of diffusers' AutoencoderKL.
  /// - Throws: `JSONError` for an entry of the wrong type; `ParameterError.unsupported` for block types or options that
  ///   Stable Diffusion's autoencoders do not use, and for sizes that do not fit together.
  public init(_ json: JSONNode) throws {
    imageChannels = try json["in_channels"].int(or: 3)
    outputChannels = try json["out_channels"].int(or: 3)
    latentChannels = try json["latent_channels"].int(or: 4)
    channels = try json["block_out_channels"].ints(or: [64])
    layersPerBlock = try json["layers_per_block"].int(or: 1)
    groups = try json["norm_num_groups"].int(or: 32)
    scalingFactor = Float(try json["scaling_factor"].double(or: 0.18215))
    shiftFactor = Float(try json["shift_factor"].double(or: 0))
    attendsInMiddle = try json["mid_block_add_attention"].bool(or: true)
    usesQuantConvolution = try json["use_quant_conv"].bool(or: true)
    usesPostQuantConvolution = try json["use_post_quant_conv"].bool(or: true)
    sampleSize = try json["sample_size"].isPresent ? json["sample_size"].heightAndWidth().height : 32
    try check(json)
  }

  private func check(_ json: JSONNode) throws {
    for (option, supported) in [
      ("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D"),
    ] where json[option].isPresent {
      let kinds = try json[option].strings()
      if let other = kinds.first(where: { $0 != supported }) {
        throw ParameterError.unsupported(component: "VAE", option: option, found: other, supported: supported)
      }
      guard kinds.count == channels.count else {
        throw ParameterError.unsupported(
          component: "VAE", option: option, found: "\(kinds.count) blocks",
          supported: "\(channels.count) blocks, one per entry of block_out_channels")
      }
    }
    if json["act_fn"].isPresent, try json["act_fn"].string() != "silu" {
      throw ParameterError.unsupported(
        component: "VAE", option: "act_fn", found: try json["act_fn"].string(), supported: "silu")
    }
    for option in ["latents_mean", "latents_std"] where json[option].isPresent {
      throw ParameterError.unsupported(component: "VAE", option: option, found: "a list", supported: "null")
    }
    try checkSizes(
      "VAE",
      [
        "in_channels": imageChannels, "out_channels": outputChannels, "latent_channels": latentChannels,
        "norm_num_groups": groups, "sample_size": sampleSize, "block_out_channels": channels.count,
      ])
    try checkSizes("VAE", ["layers_per_block": layersPerBlock], atMost: 64)
    for width in channels {
      try checkSizes("VAE", ["block_out_channels": width])
      guard width % groups == 0 else {
        throw ParameterError.unsupported(
          component: "VAE", option: "block_out_channels", found: "\(width)",
          supported: "a multiple of norm_num_groups (\(groups))")
      }
    }
    guard channels.count <= 8, scalingFactor.isFinite, scalingFactor != 0 else {
      throw ParameterError.unsupported(
        component: "VAE", option: "block_out_channels, scaling_factor",
        found: "\(channels.count) blocks, \(scalingFactor)",
        supported: "at most 8 blocks, a factor other than 0")
    }
  }
}
