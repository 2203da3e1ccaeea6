import JSON
import Layers

/// The options of a UNet2DConditionModel's `config.json` that SD 1.x, SD 2.x and SDXL use.
public struct UNetConfiguration: Sendable {
  /// The kinds of down and up blocks; those with `cross` have attention.
  public enum BlockKind: String, Sendable {
    case down = "DownBlock2D"
    case crossDown = "CrossAttnDownBlock2D"
    case up = "UpBlock2D"
    case crossUp = "CrossAttnUpBlock2D"

    var attends: Bool { self == .crossDown || self == .crossUp }
  }

  public var inChannels: Int
  public var outChannels: Int
  /// Number of channels at each resolution, the finest resolution first.
  public var channels: [Int]
  /// The kind of each down block, the finest resolution first.
  public var downBlocks: [BlockKind]
  /// The kind of each up block, the coarsest resolution first.
  public var upBlocks: [BlockKind]
  /// Number of residual blocks in each down block; the up block of the same resolution has one more.
  public var layersPerBlock: [Int]
  /// Number of transformer blocks in each attention of a down block, the finest resolution first.
  public var transformerLayers: [Int]
  /// Number of transformer blocks in each attention of an up block, the coarsest resolution first.
  public var upTransformerLayers: [Int]
  /// Number of attention heads at each resolution, the finest resolution first.
  public var heads: [Int]
  /// Width of the context at each resolution, the finest resolution first.
  public var contextWidths: [Int]
  /// Number of groups of channels in group norms.
  public var groups: Int
  public var epsilon: Float
  public var usesLinearProjection: Bool
  public var flipsSineToCosine: Bool
  public var frequencyShift: Float
  public var downsamplePadding: Int
  /// The sizes of SDXL's added conditions; nil: the network has none.
  public var addedConditions: AddedConditions?
  /// Height of the latents in training.
  public var sampleSize: Int
  /// Width of the latents in training.
  public var sampleWidth: Int

  /// The sizes of SDXL's added conditions.
  public struct AddedConditions: Sendable {
    /// Width of the features of each micro-conditioning number.
    public var timeWidth: Int
    /// Width of the pooled text and of all these features together.
    public var inputWidth: Int
  }

  /// Reads a `config.json`. An entry that it omits has the default of diffusers' UNet2DConditionModel, except for the
  /// size of the latents, which then depends on whether the network has SDXL's added conditions.
  /// - Throws: `JSONError` for an entry of the wrong type; `ParameterError.unsupported` for a block type or an option
  ///   that SD 1.x, SD 2.x and SDXL do not use, and for sizes that do not fit together.
  public init(_ json: JSONNode) throws {
    try Self.refuseUnknownOptions(json)
    inChannels = try json["in_channels"].int(or: 4)
    outChannels = try json["out_channels"].int(or: 4)
    channels = try json["block_out_channels"].ints(or: [320, 640, 1280, 1280])
    let count = channels.count
    let (down, up) = (json["down_block_types"], json["up_block_types"])
    downBlocks =
      try down.isPresent
      ? down.strings().map { try Self.block($0, "down_block_types", [.down, .crossDown]) }
      : [.crossDown, .crossDown, .crossDown, .down]
    upBlocks =
      try up.isPresent
      ? up.strings().map { try Self.block($0, "up_block_types", [.up, .crossUp]) }
      : [.up, .crossUp, .crossUp, .crossUp]
    layersPerBlock = try Self.perBlock(json["layers_per_block"], count, or: 2)
    transformerLayers = try Self.perBlock(json["transformer_layers_per_block"], count, or: 1)
    upTransformerLayers =
      json["reverse_transformer_layers_per_block"].isPresent
      ? try Self.perBlock(json["reverse_transformer_layers_per_block"], count, or: 1) : transformerLayers.reversed()
    // Published configurations call the number of heads `attention_head_dim`.
    heads = try Self.perBlock(
      json["num_attention_heads"].isPresent ? json["num_attention_heads"] : json["attention_head_dim"], count, or: 8)
    contextWidths = try Self.perBlock(json["cross_attention_dim"], count, or: 1280)
    groups = try json["norm_num_groups"].int(or: 32)
    epsilon = Float(try json["norm_eps"].double(or: 1e-5))
    usesLinearProjection = try json["use_linear_projection"].bool(or: false)
    flipsSineToCosine = try json["flip_sin_to_cos"].bool(or: true)
    frequencyShift = Float(try json["freq_shift"].double(or: 0))
    downsamplePadding = try json["downsample_padding"].int(or: 1)
    addedConditions =
      json["addition_embed_type"].isPresent
      ? AddedConditions(
        timeWidth: try json["addition_time_embed_dim"].int(),
        inputWidth: try json["projection_class_embeddings_input_dim"].int()) : nil
    // If the configuration has no size, diffusers' pipelines use 128 for SDXL and 64 for SD.
    let side = addedConditions == nil ? 64 : 128
    (sampleSize, sampleWidth) =
      try json["sample_size"].isPresent ? json["sample_size"].heightAndWidth() : (side, side)
    try checkConsistency(json)
  }

  private func checkConsistency(_ json: JSONNode) throws {
    let count = channels.count
    for (option, found) in [
      ("down_block_types", downBlocks.count), ("up_block_types", upBlocks.count),
    ] where found != count || count == 0 {
      throw ParameterError.unsupported(
        component: "U-Net", option: option, found: "\(found) blocks",
        supported: "one block per entry of block_out_channels, which has \(count); at least 1")
    }
    try checkSizes(
      "U-Net",
      [
        "in_channels": inChannels, "out_channels": outChannels, "norm_num_groups": groups,
        "sample_size (height)": sampleSize, "sample_size (width)": sampleWidth,
      ], atMost: 1 << 16)
    for (option, list, limit) in [
      ("block_out_channels", channels, 1 << 20), ("layers_per_block", layersPerBlock, 64),
      ("transformer_layers_per_block", transformerLayers, 64),
      ("reverse_transformer_layers_per_block", upTransformerLayers, 64), ("attention_head_dim", heads, 1 << 20),
      ("cross_attention_dim", contextWidths, 1 << 20),
    ] {
      for value in list { try checkSizes("U-Net", [option: value], atMost: limit) }
    }
    // Limits how many blocks are built. The limit is far above the number in any published model (SDXL has 65).
    let blocks = zip(layersPerBlock, transformerLayers).reduce(0) { $0 + (2 * $1.0 + 1) * $1.1 }
    guard blocks <= 4096 else {
      throw ParameterError.unsupported(
        component: "U-Net", option: "layers_per_block, transformer_layers_per_block", found: "\(blocks) blocks",
        supported: "a total of at most 4096 blocks")
    }
    for (width, heads) in zip(channels, heads) where width % heads != 0 {
      let option = json["num_attention_heads"].isPresent ? "num_attention_heads" : "attention_head_dim"
      throw ParameterError.unsupported(
        component: "U-Net", option: option, found: "\(heads) at \(width) channels",
        supported: "a divisor of the number of channels")
    }
    for width in channels where width % groups != 0 {
      throw ParameterError.unsupported(
        component: "U-Net", option: "block_out_channels", found: "\(width)",
        supported: "a multiple of norm_num_groups (\(groups))")
    }
    guard downsamplePadding == 1 else {
      throw ParameterError.unsupported(
        component: "U-Net", option: "downsample_padding", found: "\(downsamplePadding)", supported: "1")
    }
    if let added = addedConditions {
      try checkSizes(
        "U-Net",
        ["addition_time_embed_dim": added.timeWidth, "projection_class_embeddings_input_dim": added.inputWidth])
    }
  }

  /// Refuses unsupported values of options that have only one supported value. A missing option, or null, counts as the
  /// supported value.
  private static func refuseUnknownOptions(_ json: JSONNode) throws {
    func refuse(_ option: String, _ found: String, _ supported: String) -> ParameterError {
      .unsupported(component: "U-Net", option: option, found: found, supported: supported)
    }
    for (option, supported) in [
      "mid_block_type": "UNetMidBlock2DCrossAttn", "act_fn": "silu", "time_embedding_type": "positional",
      "resnet_time_scale_shift": "default", "attention_type": "default", "addition_embed_type": "text_time",
    ] where json[option].isPresent {
      let found = try json[option].string()
      if found != supported { throw refuse(option, found, supported) }
    }
    for option in [
      "center_input_sample", "dual_cross_attention", "only_cross_attention", "mid_block_only_cross_attention",
      "resnet_skip_time_act", "class_embeddings_concat",
    ] where json[option].isPresent {
      // Some configurations have a list with one Boolean per block.
      var values = [json[option]]
      if case .array? = json[option].value { values = try json[option].array() }
      if try values.contains(where: { try $0.bool() }) { throw refuse(option, "true", "false") }
    }
    for option in [
      "class_embed_type", "num_class_embeds", "encoder_hid_dim", "encoder_hid_dim_type", "time_cond_proj_dim",
      "cross_attention_norm", "timestep_post_act", "time_embedding_act_fn", "time_embedding_dim",
    ] where json[option].isPresent {
      throw refuse(option, json[option].value.map { $0.text(pretty: false) } ?? "set", "null")
    }
    for (option, supported) in [
      "conv_in_kernel": 3.0, "conv_out_kernel": 3, "mid_block_scale_factor": 1, "resnet_out_scale_factor": 1,
    ] where json[option].isPresent {
      let found = try json[option].double()
      if found != supported { throw refuse(option, "\(found)", "\(supported)") }
    }
  }

  private static func block(_ name: String, _ option: String, _ allowed: [BlockKind]) throws -> BlockKind {
    guard let kind = BlockKind(rawValue: name), allowed.contains(kind) else {
      throw ParameterError.unsupported(
        component: "U-Net", option: option, found: name,
        supported: allowed.map(\.rawValue).joined(separator: ", "))
    }
    return kind
  }

  private static func perBlock(_ json: JSONNode, _ count: Int, or fallback: Int) throws -> [Int] {
    guard json.isPresent else { return Array(repeating: fallback, count: count) }
    guard case .array = json.value else { return Array(repeating: try json.int(), count: count) }
    let list = try json.ints()
    guard list.count == count else {
      throw ParameterError.unsupported(
        component: "U-Net", option: json.location, found: "\(list.count) entries",
        supported: "one number, or \(count) entries, one per entry of block_out_channels")
    }
    return list
  }
}
