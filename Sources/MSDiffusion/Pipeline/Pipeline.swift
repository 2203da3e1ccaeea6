import Analysis
import Checkpoints
import Foundation
import Images
import JSON
import Layers
import Models
import Tensors

/// A whole MS-Diffusion model: text encoders, image encoder, U-Net with adapter, autoencoder and scheduler.
public struct Pipeline: Sendable {
  /// A text encoder with its tokenizer.
  package struct TextBranch: Sendable {
    package let tokenizer: CLIPTokenizer
    package let encoder: CLIPTextEncoder
  }

  /// The image encoder with its preprocessing.
  package struct ImageBranch: Sendable {
    package let processor: CLIPImageProcessor
    package let encoder: CLIPVisionEncoder
  }

  /// The path of the model's folder.
  public let folder: String
  public let unet: UNet
  /// The network that denoising uses for predictions: the U-Net, unless you set a wrapper around it.
  public var denoiser: any Denoiser
  public let vae: VAE
  /// The adapter; nil if the folder has none: then the pipeline is the base model alone.
  public let adapter: Adapter?
  /// The model's own defaults for requests.
  public let defaults: SceneDefaults
  /// The hook points of all parts, except the autoencoder's encoder.
  public let hooks: HookCatalog
  package let text: [TextBranch]
  package let image: ImageBranch?
  package let schedulerConfiguration: SchedulerConfiguration
  /// The scheduler that the folder names. If this package does not have it: the error for scenes that name no
  /// scheduler.
  let checkpointScheduler: Result<SchedulerKind, SchedulerError>
  let latentsHook, originalHook: HookPoint
  let zeroesEmptyNegative: Bool
  /// Whether text states are the last hidden states after the final norm, as in SD 1.x and 2.x, which have one encoder.
  /// Otherwise they are the second-to-last hidden states of all encoders, as in SDXL.
  let readsLastState: Bool
  /// The checkpoint of each part; for a wrapped source, the checkpoint inside the wrapper.
  public let sources: [ModelPart: CheckpointSource]

  /// Opens a folder in diffusers' layout, which `ModelFolder` defines. Scenes with subjects need an `image_encoder/`
  /// and an adapter in it. Models with one text encoder (SD 1.x and 2.x, or SDXL made smaller) have no
  /// `text_encoder_2/`. Weights are memory-mapped, not read.
  /// - Parameters:
  ///   - folder: the folder's path.
  ///   - variant: the variant of weights to prefer, such as `fp16` for `*.fp16.safetensors`. For parts that
  ///     do not have it, the weights without a variant are read; at least one part must have it.
  ///   - adapterHeads: number of the resampler's attention heads if the adapter's configuration does not give it; nil:
  ///     each head is 64 wide.
  ///   - projectors: the kinds of projectors that the adapter may have.
  ///   - ignoresSurplus: whether to ignore weights for which the configurations have no layer; otherwise they are
  ///     errors.
  ///   - wrapping: receives each part's checkpoint and returns the source of the part's weights: the checkpoint itself,
  ///     or a wrapper that changes some weights, such as a LoRA. Hashes and the check for surplus weights refer to the
  ///     checkpoint: a weight counts as used if it was requested from the checkpoint.
  /// - Throws: ``PipelineError`` for parts that do not fit together; `CheckpointError`, `JSONError`, `ParameterError`,
  ///   `TokenizerError` or `SchedulerError` for a part that is missing or cannot be used; errors thrown by `wrapping`.
  public init(
    _ folder: String, variant: String? = nil, adapterHeads: Int? = nil,
    projectors: [any ProjectorConfiguration.Type] = AdapterConfiguration.projectors, ignoresSurplus: Bool = false,
    wrapping: (ModelPart, CheckpointSource) throws -> any ParameterSource = { $1 }
  ) throws {
    let files = ModelFolder(folder, variant: variant)
    try files.checkVariant()
    let hooks = HookCatalog()
    var sources: [ModelPart: CheckpointSource] = [:]
    func scope(_ part: ModelPart, component: String? = nil) throws -> Scope {
      let source = CheckpointSource(try files.checkpoint(of: part), of: PublishedKeys.Model(part))
      sources[part] = source
      return Scope(try wrapping(part, source), component: component ?? part.name, catalog: hooks)
    }
    var fit = PartFit(files)
    let index = try files.optionalConfiguration(of: .index)

    unet = try UNet(scope(.unet, component: ""), UNetConfiguration(files.configuration(of: .unet)))
    denoiser = unet
    vae = try VAE(scope(.vae), VAEConfiguration(files.configuration(of: .vae)))
    (fit.unet, fit.vae, fit.layers) = (unet.configuration, vae.configuration, unet.crossAttentionLayers)
    let branches: [(encoder: ModelPart, tokenizer: ModelPart)] =
      [(.textEncoder, .tokenizer)] + (files.has(.secondTextEncoder) ? [(.secondTextEncoder, .secondTokenizer)] : [])
    text = try branches.map { parts in
      let configuration = try CLIPTextEncoder.Configuration(
        files.configuration(of: parts.encoder), className: files.className(of: parts.encoder))
      let branch = TextBranch(
        tokenizer: try CLIPTokenizer(folder: files.tokenizer(parts.tokenizer).path),
        encoder: try CLIPTextEncoder(scope(parts.encoder), configuration))
      var text = PartFit.Text(parts.encoder, parts.tokenizer)
      (text.configuration, text.tokens) = (configuration, branch.tokenizer)
      fit.text.append(text)
      return branch
    }
    if files.has(.imageEncoder) {
      let configuration = try CLIPVisionEncoder.Configuration(files.configuration(of: .imageEncoder))
      let branch = ImageBranch(
        processor: try files.imageProcessor().map { try CLIPImageProcessor($0) }
          ?? CLIPImageProcessor(side: configuration.imageSize),
        encoder: try CLIPVisionEncoder(scope(.imageEncoder), configuration))
      (fit.imageEncoder, fit.imageProcessor) = (configuration, branch.processor)
      image = branch
    } else {
      image = nil
    }
    let adapterConfiguration = try files.optionalConfiguration(of: .adapter)
    let overlay = adapterConfiguration["defaults"]
    defaults = .published.overlaid(with: overlay.isPresent ? try SettingsOverlay(json: overlay) : SettingsOverlay())
    if files.has(.adapter) {
      let scope = try scope(.adapter)
      if let checkpoint = sources[.adapter]?.checkpoint {
        try AdapterContents.check(checkpoint.keys, path: files.path(of: .adapter))
      }
      let configuration = try AdapterConfiguration(
        adapterConfiguration, weights: scope, heads: adapterHeads, projectors: projectors)
      (fit.projector, fit.adapterWeights) = (configuration.projector, scope)
      try fit.check()
      adapter = try Adapter(scope, configuration, beside: unet.crossAttentionLayers)
    } else {
      try fit.check()
      adapter = nil
    }
    let isSDXL = unet.configuration.addedConditions != nil
    zeroesEmptyNegative = try index["force_zeros_for_empty_prompt"].bool(or: isSDXL)
    readsLastState = text.count == 1 && !isSDXL
    let scheduler = try files.configuration(of: .scheduler)
    schedulerConfiguration = try SchedulerConfiguration(scheduler)
    checkpointScheduler = try Self.scheduler(
      named: scheduler["_class_name"].isPresent ? scheduler["_class_name"] : index[ModelPart.scheduler.name][1])
    let latents = Scope(ShapeSource(), component: "latents", catalog: hooks)
    latentsHook = latents.hook("sample", .latents, axes: .batch, .channel, .height, .width)
    originalHook = latents.hook("predicted_original", .predictedOriginal, axes: .batch, .channel, .height, .width)
    (self.folder, self.hooks, self.sources) = (folder, hooks, sources)
    if !ignoresSurplus { for part in sources.keys.sorted() { try sources[part]?.checkSurplus() } }
  }

  /// A folder's scheduler by its class name, or the error that says how to use the folder with another scheduler.
  private static func scheduler(named name: JSONNode) throws -> Result<SchedulerKind, SchedulerError> {
    let className = try name.string(or: "")
    if let kind = try? SchedulerKind.named(className) { return .success(kind) }
    return .failure(
      .unsupported(
        option: name.location, found: className.isEmpty ? "missing" : className,
        supported: SchedulerKind.allCases.map(\.className).joined(separator: ", ")
          + "; to use this model with another scheduler, name it in the scene (--scheduler)"))
  }

  /// SHA-256 over the names of all parts and the hashes of their weights.
  public func hash() -> String {
    SHA256.hash(of: sources.keys.sorted().map { "\($0.name) \(sources[$0]?.checkpoint.hash() ?? "")\n" }.joined())
  }

  /// Number of pixels per latent along each side.
  public var factor: Int { vae.configuration.factor }
  /// Height of the images that the model was trained on, in pixels.
  public var nativeSize: Int { unet.configuration.sampleSize * factor }
  /// Width of the images that the model was trained on, in pixels.
  public var nativeWidth: Int { unet.configuration.sampleWidth * factor }

  /// SDXL's micro-conditioning of a scene, `[6]`.
  package func timeIDs(of scene: Scene) throws -> Tensor { try SceneBatch([scene], pipeline: self).timeIDs }

  /// The batch's scheduler, set up for its number of steps.
  func scheduler(of batch: SceneBatch) throws -> any Scheduler {
    try batch.shared.scheduler.make(configuration: schedulerConfiguration, steps: batch.shared.steps)
  }

  /// The sizes of the U-Net's feature maps for latents of the given size.
  func grids(height: Int, width: Int) -> Set<FeatureGrid> {
    var grids: Set<FeatureGrid> = []
    var (height, width) = (height, width)
    for _ in unet.configuration.channels {
      grids.insert(FeatureGrid(height: height, width: width))
      (height, width) = ((height + 1) / 2, (width + 1) / 2)
    }
    return grids
  }
}
