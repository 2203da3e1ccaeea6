import Analysis
import Checkpoints
import Foundation
import Images
import JSON
import Layers
import Models
import Tensors

/// A whole MS-Diffusion: text encoders, image encoder, U-Net with adapter, autoencoder and scheduler.
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

  public let folder: String
  public let unet: UNet
  public let vae: VAE
  /// nil where the folder holds no adapter: then it is the base model.
  public let adapter: Adapter?
  /// What requests to this model are filled up with.
  public let defaults: SceneDefaults
  /// Every hook point of every part.
  public let hooks: HookCatalog
  package let text: [TextBranch]
  package let image: ImageBranch?
  package let schedulerConfiguration: SchedulerConfiguration
  let checkpointScheduler: SchedulerKind
  let latentsHook, originalHook: HookPoint
  let zeroesEmptyNegative: Bool
  /// Whether text is the last hidden state after the final norm, as SD 1.x and 2.x take it from their one encoder; else
  /// the second-to-last ones of all encoders, as SDXL takes them.
  let readsLastState: Bool
  /// Where the weights came from, by part.
  public let sources: [String: CheckpointSource]

  /// Opens a folder in diffusers' layout with `image_encoder/` and `ms_adapter.safetensors` or `ms_adapter.bin` in it.
  /// Weights are mapped, not read. Models with one text encoder (SD 1.x and 2.x, or SDXL made smaller) have no
  /// `text_encoder_2/`.
  /// - Parameters:
  ///   - folder: the folder's path.
  ///   - variant: the variant to prefer, as `fp16` for `*.fp16.safetensors`.
  ///   - adapterHeads: attention heads of the resampler where `ms_adapter_config.json` does not say; 64 wide each
  ///     where nil.
  ///   - ignoresSurplus: whether weights that the configurations have no layer for are left alone; else they are an error.
  /// - Throws: `PipelineError`, and what the parts throw: `CheckpointError`, `JSONError`, `ParameterError`.
  public init(_ folder: String, variant: String? = nil, adapterHeads: Int? = nil, ignoresSurplus: Bool = false) throws {
    let files = PipelineFiles(folder: folder, variant: variant)
    let hooks = HookCatalog()
    var sources: [String: CheckpointSource] = [:]
    func scope(_ part: String, component: String) throws -> Scope {
      let source = try files.source(part)
      sources[part] = source
      return Scope(source, component: component, catalog: hooks)
    }

    unet = try UNet(scope("unet", component: ""), UNetConfiguration(files.configuration("unet")))
    vae = try VAE(scope("vae", component: "vae"), VAEConfiguration(files.configuration("vae")))
    text = try ["", "_2"].filter { $0 == "" || files.has("text_encoder_2") }.map { suffix in
      TextBranch(
        tokenizer: try CLIPTokenizer(folder: try files.existing("tokenizer" + suffix)),
        encoder: try CLIPTextEncoder(
          scope("text_encoder" + suffix, component: "text_encoder" + suffix),
          .init(files.configuration("text_encoder" + suffix))))
    }
    image =
      files.has("image_encoder")
      ? ImageBranch(
        processor: try files.imageProcessor(),
        encoder: try CLIPVisionEncoder(
          scope("image_encoder", component: "image_encoder"), .init(files.configuration("image_encoder")))) : nil
    let adapterConfiguration = try files.adapterConfiguration()
    let said = adapterConfiguration["defaults"]
    defaults = .published.overlaid(with: said.isPresent ? try SettingsOverlay(json: said) : SettingsOverlay())
    if let source = try files.adapterSource() {
      sources["ms_adapter"] = source
      adapter = try Adapter(
        Scope(source, component: "ms_adapter", catalog: hooks), layers: unet.crossAttentionLayers,
        heads: try adapterConfiguration["heads"].isPresent ? adapterConfiguration["heads"].int() : adapterHeads)
    } else {
      adapter = nil
    }
    let index = try files.index()
    let isSDXL = unet.configuration.addedConditions != nil
    zeroesEmptyNegative = try index["force_zeros_for_empty_prompt"].bool(or: isSDXL)
    readsLastState = text.count == 1 && !isSDXL
    let scheduler = try files.configuration("scheduler", named: "scheduler_config.json")
    schedulerConfiguration = try SchedulerConfiguration(scheduler)
    checkpointScheduler = try SchedulerKind.named(scheduler["_class_name"].string())
    let latents = Scope(ShapeSource(), component: "latents", catalog: hooks)
    latentsHook = latents.hook("sample", .latents, axes: .batch, .channel, .height, .width)
    originalHook = latents.hook("predicted_original", .predictedOriginal, axes: .batch, .channel, .height, .width)
    (self.folder, self.hooks, self.sources) = (folder, hooks, sources)
    try checkWidths()
    if !ignoresSurplus { for part in sources.keys.sorted() { try sources[part]?.checkSurplus() } }
  }

  /// Checks that the parts fit each other before anything runs.
  private func checkWidths() throws {
    let textWidth = text.reduce(0) { $0 + $1.encoder.configuration.width }
    for (index, width) in unet.configuration.contextWidths.enumerated() where width != textWidth {
      throw PipelineError.incompatible(
        "text encoders", "unet",
        detail: "text is \(textWidth) wide, cross_attention_dim[\(index)] is \(width)"
          + (text.count == 1 ? "; there is no text_encoder_2/" : ""))
    }
    guard unet.configuration.inChannels == vae.configuration.latentChannels else {
      throw PipelineError.incompatible(
        "vae", "unet",
        detail: "latent_channels is \(vae.configuration.latentChannels), in_channels \(unet.configuration.inChannels)")
    }
    if let added = unet.configuration.addedConditions {
      let pooled = text.last?.encoder.configuration.projection ?? text.last?.encoder.configuration.width ?? 0
      guard pooled + 6 * added.timeWidth == added.inputWidth else {
        throw PipelineError.incompatible(
          "text encoders", "unet",
          detail: "pooled text of \(pooled) and 6 × \(added.timeWidth) do not make "
            + "projection_class_embeddings_input_dim \(added.inputWidth)")
      }
    }
    if case .grounding(let resampler)? = adapter?.projector,
      resampler.phraseWidth != text[0].encoder.configuration.width
    {
      throw PipelineError.incompatible(
        "text_encoder", "ms_adapter",
        detail: "phrases are \(text[0].encoder.configuration.width) wide, the resampler takes \(resampler.phraseWidth)")
    }
  }

  /// SHA-256 over the hashes of all parts' weights, each under its part's name.
  public func hash() -> String {
    SHA256.hash(of: sources.keys.sorted().map { "\($0) \(sources[$0]?.checkpoint.hash() ?? "")\n" }.joined())
  }

  /// Pixels a latent stands for along a side.
  public var factor: Int { vae.configuration.factor }
  /// Side in pixels that the model was trained on.
  public var nativeSize: Int { unet.configuration.sampleSize * factor }

  /// SDXL's micro-conditioning of a scene, `[6]`.
  package func timeIDs(of scene: Scene) throws -> Tensor { try SceneBatch([scene], pipeline: self).timeIDs }

  /// The scheduler of a batch over its steps.
  func scheduler(of batch: SceneBatch) throws -> any Scheduler {
    try batch.shared.scheduler.make(configuration: schedulerConfiguration, steps: batch.shared.steps)
  }

  /// The feature map sizes that cross-attention meets for latents of that size, finest first.
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
