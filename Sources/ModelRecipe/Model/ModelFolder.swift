import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import Training

/// The folder in diffusers' layout that the stages fill part by part.
struct ModelFolder {
  let folder: String

  init(_ folder: String) { self.folder = folder }

  func path(_ relative: String) -> String { folder + "/" + relative }

  func source(_ part: String) throws -> CheckpointSource {
    guard FileManager.default.fileExists(atPath: path(part)) else {
      throw StageError.missingPart(folder: folder, part: part)
    }
    return CheckpointSource(try Checkpoint(path(part)))
  }

  private func configuration(_ part: String) throws -> JSONNode { try JSONNode.read(path(part + "/config.json")) }

  /// Writes a part's configuration and its weights in half precision.
  func write(_ part: String, _ configuration: JSONValue, _ parameters: [Parameter]) throws {
    try FileManager.default.createDirectory(atPath: path(part), withIntermediateDirectories: true)
    try configuration.write(to: path(part + "/config.json"))
    let name = part.hasSuffix("encoder") ? "model" : "diffusion_pytorch_model"
    try Self.writeHalf(parameters, to: path("\(part)/\(name).safetensors"))
  }

  func writeScheduler() throws {
    try FileManager.default.createDirectory(atPath: path("scheduler"), withIntermediateDirectories: true)
    try SmallModel.scheduler.write(to: path("scheduler/scheduler_config.json"))
    try SmallModel.index.write(to: path("model_index.json"))
  }

  func writeAdapter(_ parameters: [Parameter], heads: Int = SmallModel.Resampler.heads) throws {
    try Self.writeHalf(parameters, to: path("ms_adapter.safetensors"))
    try JSONValue.object([("heads", JSONValue(heads)), ("defaults", SmallModel.defaults)])
      .write(to: path("ms_adapter_config.json"))
  }

  private static func writeHalf(_ parameters: [Parameter], to path: String) throws {
    let writer = try SafetensorsWriter(
      path, entries: parameters.map { .init(key: $0.key, elementType: .float16, shape: $0.shape) })
    for parameter in parameters { try writer.append(parameter.value.detached) }
    try writer.finish()
  }

  /// What a denoising stage uses without training it.
  func frozen(withVision: Bool) throws -> DenoisingObjective.Frozen {
    DenoisingObjective.Frozen(
      vae: try VAE(Scope(source("vae")), VAEConfiguration(configuration("vae"))),
      text: try CLIPTextEncoder(Scope(source("text_encoder")), .init(configuration("text_encoder"))),
      tokenizer: try CLIPTokenizer(folder: path("tokenizer")),
      vision: withVision
        ? try CLIPVisionEncoder(Scope(source("image_encoder")), .init(configuration("image_encoder"))) : nil,
      processor: try CLIPImageProcessor(JSONNode.read(path("image_encoder/preprocessor_config.json"))))
  }

  /// The trained base model.
  func unet(_ source: CheckpointSource) throws -> UNet {
    try UNet(Scope(source), UNetConfiguration(configuration("unet")))
  }

  /// An adapter to be trained: keys and values of the image branch begin as those of the text branch (appendix A).
  func newAdapter(_ projector: AdapterVariant.Projector, beside unet: UNet, source: RandomSource) throws -> Adapter {
    let layers = unet.crossAttentionLayers
    let (sizes, context) = (SmallModel.Resampler.self, SmallModel.contextWidth)
    let scope = Scope(source)
    let projection = scope["image_proj"]
    let imageWidth = 128
    // The adapter reads its sizes from the weights: name them first.
    func declare(_ scope: Scope, _ name: String, _ shape: [Int]) throws { _ = try scope.parameter(name, shape) }
    try declare(scope, "dummy_image_tokens", [1, sizes.dummies, context])
    switch projector {
    case .grounding:
      try declare(projection, "grounding_latents", [1, sizes.tokens, sizes.width])
      try declare(projection["latent_proj"][0], "weight", [imageWidth, context + 64])
    case .plain: try declare(projection, "latents", [1, sizes.tokens, sizes.width])
    case .linear:
      try declare(projection, "proj.weight", [sizes.tokens * context, SmallModel.embeddingWidth])
      try declare(projection, "norm.weight", [context])
    }
    if projector != .linear {
      try declare(projection, "proj_in.weight", [sizes.width, imageWidth])
      try declare(projection, "proj_out.weight", [context, sizes.width])
      for layer in 0..<sizes.depth {
        try declare(projection["layers"][layer][0], "to_q.weight", [sizes.width, sizes.width])
        try declare(projection["layers"][layer][1], "1.weight", [4 * sizes.width, sizes.width])
      }
    }
    let adapter = try Adapter(scope, layers: layers, heads: sizes.heads)
    for (own, layer) in zip(adapter.layers, layers) {
      own.toSubjectK.weight.value = layer.toK.weight.value
      own.toSubjectV.weight.value = layer.toV.weight.value
    }
    return adapter
  }
}
