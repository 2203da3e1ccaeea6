import Checkpoints
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import Training

// How stages read and write the parts of a model folder.

extension ModelFolder {
  /// The weights of a part that an earlier stage has written.
  /// - Throws: ``StageError/missingPart(folder:part:)`` if the part is missing; `CheckpointError` if it cannot be read.
  func source(_ part: ModelPart) throws -> CheckpointSource {
    CheckpointSource(try existing(part, has(part) ? self : nil).checkpoint(of: part))
  }

  /// Unwraps a value that needs a part which an earlier stage must have written; nil means that the part is missing.
  private func existing<Value>(_ part: ModelPart, _ value: Value?) throws -> Value {
    guard let value else { throw StageError.missingPart(folder: path, part: part) }
    return value
  }

  /// Writes a part's configuration and its weights in half precision.
  func write(_ part: ModelPart, _ configuration: JSONValue, _ parameters: [Parameter]) throws {
    try write(configuration, of: part)
    let writer = try SafetensorsWriter(
      weightsFile(of: part), entries: parameters.map { .init(key: $0.key, elementType: .float16, shape: $0.shape) })
    for parameter in parameters { try writer.append(parameter.value.detached) }
    try writer.finish()
  }

  func writeScheduler() throws {
    try write(SmallModel.scheduler, of: .scheduler)
    try write(SmallModel.index, of: .index)
  }

  /// The models that a denoising stage uses, but does not train.
  func frozen(withVision: Bool) throws -> DenoisingObjective.Frozen {
    DenoisingObjective.Frozen(
      vae: try VAE(Scope(source(.vae)), VAEConfiguration(configuration(of: .vae))),
      text: try CLIPTextEncoder(Scope(source(.textEncoder)), .init(configuration(of: .textEncoder))),
      tokenizer: try CLIPTokenizer(folder: existing(.tokenizer, has(.tokenizer) ? path(of: .tokenizer) : nil)),
      vision: withVision
        ? try CLIPVisionEncoder(Scope(source(.imageEncoder)), .init(configuration(of: .imageEncoder))) : nil,
      processor: try CLIPImageProcessor(existing(.imageEncoder, imageProcessor())))
  }

  /// The U-Net of the trained base model.
  func unet(_ source: CheckpointSource) throws -> UNet {
    try UNet(Scope(source), UNetConfiguration(configuration(of: .unet)))
  }
}

extension Adapter {
  /// An adapter to train. Its projections to keys and values start as copies of those for text (appendix A).
  static func untrained(
    _ projector: any ProjectorConfiguration.Type, beside unet: UNet, source: RandomSource
  ) throws -> Adapter {
    let scope = Scope(source)
    let configuration = try AdapterConfiguration(
      JSONNode(SmallModel.adapter(projector), name: "adapter"), weights: scope)
    let adapter = try Adapter(scope, configuration, beside: unet.crossAttentionLayers)
    for (subject, layer) in zip(adapter.layers, unet.crossAttentionLayers) {
      subject.toSubjectK.weight.value = layer.toK.weight.value
      subject.toSubjectV.weight.value = layer.toV.weight.value
    }
    return adapter
  }
}
