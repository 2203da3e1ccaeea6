import Checkpoints
import Layers
import Models

/// A size of one part of a model, and the file that gives it.
public struct PartSize: Sendable, Equatable, CustomStringConvertible {
  /// The part's name, such as `image_encoder`.
  public let part: String
  /// The size's name in the part's configuration, or what it measures.
  public let name: String
  public let value: String
  /// The path of the file.
  public let file: String

  public init(_ part: String, _ name: String, _ value: String, file: String) {
    (self.part, self.name, self.value, self.file) = (part, name, value, file)
  }

  public var description: String { "\(name) is \(value) in \(file)" }
}

/// The sizes of a model folder's parts, to check that they fit together. Parts that were not read are not checked.
///
/// | size of one part | size of another part |
/// | --- | --- |
/// | text encoders: `hidden_size`, added up | U-Net: `cross_attention_dim`, at each resolution |
/// | last text encoder: `projection_dim`, or else `hidden_size` | U-Net: input of the added conditions for text* |
/// | tokenizer: greatest ID plus 1 | its text encoder: `vocab_size`, or more |
/// | tokenizer: ID of the end token | its text encoder: `eos_token_id`, unless that is 2 |
/// | first text encoder: `max_position_embeddings` | second text encoder: `max_position_embeddings` |
/// | VAE: `latent_channels` | U-Net: `in_channels` |
/// | VAE: `latent_channels` | U-Net: `out_channels` |
/// | VAE: `in_channels`, `out_channels` | images: 3 colours |
/// | image encoder: `num_channels` | images: 3 colours |
/// | image encoder: `image_size` | image preprocessing: `crop_size`, or else `size` |
/// | image encoder: `hidden_size` or, for a linear projector, `projection_dim` | adapter: width of image features |
/// | first text encoder: `hidden_size` | adapter: width of phrases |
/// | U-Net: `cross_attention_dim`, at each resolution | adapter: width of its tokens |
/// | U-Net: number of cross-attention layers | adapter: number of its layers |
/// | U-Net: width and `cross_attention_dim` of each cross-attention layer | adapter: shape of the layer's weights |
///
/// *`projection_class_embeddings_input_dim` less 6 × `addition_time_embed_dim`.
package struct PartFit {
  package struct Text {
    package let encoder, tokenizer: ModelPart
    package var configuration: CLIPTextEncoder.Configuration?
    package var tokens: CLIPTokenizer?

    package init(_ encoder: ModelPart, _ tokenizer: ModelPart) { (self.encoder, self.tokenizer) = (encoder, tokenizer) }
  }

  package let folder: ModelFolder
  package var unet: UNetConfiguration?
  package var vae: VAEConfiguration?
  /// The text encoders that the folder has, in order.
  package var text: [Text] = []
  package var imageEncoder: CLIPVisionEncoder.Configuration?
  package var imageProcessor: CLIPImageProcessor?
  package var projector: (any ProjectorConfiguration)?
  /// The root of the adapter's weights, of which only shapes are read.
  package var adapterWeights: Scope?
  /// The U-Net's cross-attention layers, in the order in which adapters number them.
  package var layers: [CrossAttention] = []

  package init(_ folder: ModelFolder) { self.folder = folder }

  /// Reads the sizes of a part from its files. A text encoder is added without its tokenizer. Parts without weights are
  /// ignored.
  /// - Throws: `JSONError`, `CheckpointError` or `ParameterError` for a configuration that cannot be read.
  package mutating func read(_ part: ModelPart) throws {
    switch part {
    case .unet:
      let configuration = try UNetConfiguration(folder.configuration(of: part))
      unet = configuration
      layers = try UNet(Scope(ShapeSource()), configuration).crossAttentionLayers
    case .vae: vae = try VAEConfiguration(folder.configuration(of: part))
    case .textEncoder, .secondTextEncoder:
      text.append(Text(part, part == .textEncoder ? .tokenizer : .secondTokenizer))
      text[text.count - 1].configuration = try .init(
        folder.configuration(of: part), className: folder.className(of: part))
    case .imageEncoder: imageEncoder = try .init(folder.configuration(of: part))
    case .adapter:
      let weights = Scope(CheckpointSource(try folder.checkpoint(of: part)))
      // No width depends on the number of heads.
      let configuration = try AdapterConfiguration(folder.optionalConfiguration(of: part), weights: weights, heads: 1)
      (projector, adapterWeights) = (configuration.projector, weights)
    default: break
    }
  }

  /// Every pair of sizes that does not fit; pairs of which one part is missing are not checked.
  package var misfits: [PipelineError] { textMisfits + latentMisfits + imageMisfits + adapterMisfits + layerMisfits }

  /// - Throws: ``PipelineError/incompatible(_:_:)`` for the first pair that does not fit.
  package func check() throws {
    if let first = misfits.first { throw first }
  }

  // MARK: Text

  private var textMisfits: [PipelineError] {
    var misfits: [PipelineError] = []
    for text in text {
      guard let encoder = text.configuration, let tokens = text.tokens else { continue }
      if tokens.greatestID >= encoder.vocabulary {
        misfits.append(
          .incompatible(
            size(text.tokenizer, "the greatest token ID", tokens.greatestID),
            size(text.encoder, "vocab_size", encoder.vocabulary)))
      }
      // 2 stands for the token with the greatest ID, as in the first published configurations.
      if encoder.endToken != 2, encoder.endToken != tokens.endToken {
        misfits.append(
          .incompatible(
            size(text.tokenizer, "the ID of the end token", tokens.endToken),
            size(text.encoder, "eos_token_id", encoder.endToken)))
      }
    }
    let encoders = text.compactMap { text in text.configuration.map { (text.encoder, $0) } }
    guard encoders.count == text.count, let first = encoders.first, let last = encoders.last else { return misfits }
    if first.1.positions != last.1.positions {
      misfits.append(
        .incompatible(
          size(first.0, "max_position_embeddings", first.1.positions),
          size(last.0, "max_position_embeddings", last.1.positions)))
    }
    guard let unet else { return misfits }
    let names = encoders.map(\.0.name).joined(separator: " and ")
    let files = encoders.map { file(of: $0.0) }.joined(separator: " and ")
    let width = encoders.reduce(0) { $0 + $1.1.width }
    if let (index, context) = unet.contextWidths.enumerated().first(where: { $1 != width }) {
      let missing = text.count == 1 && context > width ? " (there is no \(ModelPart.secondTextEncoder))" : ""
      misfits.append(
        .incompatible(
          PartSize(names, "hidden_size" + (text.count > 1 ? ", added up," : missing), "\(width)", file: files),
          size(
            .unet, "cross_attention_dim" + (unet.contextWidths.allSatisfy { $0 == context } ? "" : "[\(index)]"),
            context)
        ))
    }
    if let added = unet.addedConditions {
      let pooled = last.1.projection ?? last.1.width
      if pooled + 6 * added.timeWidth != added.inputWidth {
        let name = last.1.projection == nil ? "hidden_size" : "projection_dim"
        misfits.append(
          .incompatible(
            size(last.0, name, pooled),
            size(
              .unet, "projection_class_embeddings_input_dim less 6 × addition_time_embed_dim",
              added.inputWidth - 6 * added.timeWidth)))
      }
    }
    return misfits
  }

  // MARK: Latents and images

  private var latentMisfits: [PipelineError] {
    guard let vae else { return [] }
    var misfits: [PipelineError] = []
    for (name, channels) in [("in_channels", vae.imageChannels), ("out_channels", vae.outputChannels)]
    where channels != 3 {
      misfits.append(.incompatible(size(.vae, name, channels), colours(file(of: .vae))))
    }
    guard let unet else { return misfits }
    for (name, channels) in [("in_channels", unet.inChannels), ("out_channels", unet.outChannels)]
    where channels != vae.latentChannels {
      misfits.append(.incompatible(size(.vae, "latent_channels", vae.latentChannels), size(.unet, name, channels)))
    }
    return misfits
  }

  private var imageMisfits: [PipelineError] {
    guard let encoder = imageEncoder else { return [] }
    var misfits: [PipelineError] = []
    if encoder.channels != 3 {
      misfits.append(
        .incompatible(size(.imageEncoder, "num_channels", encoder.channels), colours(file(of: .imageEncoder))))
    }
    let side = encoder.imageSize
    if let output = imageProcessor?.outputSize, output != .init(height: side, width: side) {
      let name = imageProcessor?.crop == nil ? "size" : "crop_size"
      misfits.append(
        .incompatible(
          PartSize(
            "image preprocessing", name, "\(output.height)×\(output.width)",
            file: folder.path + "/" + (folder.imageProcessorFile ?? "")),
          PartSize(ModelPart.imageEncoder.name, "image_size", "\(side)×\(side)", file: file(of: .imageEncoder))))
    }
    return misfits
  }

  /// The number of colours of the images that a part takes or returns.
  private func colours(_ file: String) -> PartSize {
    PartSize("images", "the number of colours", "3", file: "every image")
  }

  // MARK: Adapter

  private var adapterMisfits: [PipelineError] {
    guard let projector else { return [] }
    var misfits: [PipelineError] = []
    if let encoder = imageEncoder {
      let (name, width) = projector.imageInput.chosen(
        states: ("hidden_size", encoder.width), embedding: ("projection_dim", encoder.projection))
      if width != projector.imageWidth {
        misfits.append(
          .incompatible(size(.imageEncoder, name, width), adapter("the width of image features", projector.imageWidth)))
      }
    }
    if let text = text.first, let encoder = text.configuration, let width = projector.phraseWidth,
      width != encoder.width
    {
      misfits.append(
        .incompatible(size(text.encoder, "hidden_size", encoder.width), adapter("the width of phrases", width)))
    }
    if let width = unet?.contextWidths.first(where: { $0 != projector.contextWidth }) {
      misfits.append(
        .incompatible(
          size(.unet, "cross_attention_dim", width), adapter("the width of subject tokens", projector.contextWidth)))
    }
    return misfits
  }

  /// The adapter's keys number self- and cross-attention layers alternately; only cross-attention layers have weights.
  private var layerMisfits: [PipelineError] {
    guard let weights = adapterWeights, !layers.isEmpty else { return [] }
    func shape(_ index: Int) -> [Int]? { weights.shape(of: "ms_adapter.\(2 * index + 1).to_k_ip.weight") }
    let present = (0..<layers.count).filter { shape($0) != nil }.count
    let found =
      present < layers.count || shape(layers.count) == nil ? present : (layers.count...).first { shape($0) == nil }
    if let found, found != layers.count {
      return [
        .incompatible(
          size(.unet, "the number of cross-attention layers", layers.count), adapter("the number of layers", found))
      ]
    }
    for (index, layer) in layers.enumerated() {
      guard let shape = shape(index), shape != [layer.width, layer.contextWidth] else { continue }
      let key = "ms_adapter.\(2 * index + 1).to_k_ip.weight"
      return [
        .incompatible(
          PartSize(
            ModelPart.unet.name, "the shape of \(layer.name).to_k", "\([layer.width, layer.contextWidth])",
            file: file(of: .unet)),
          PartSize(ModelPart.adapter.name, "the shape of \(key)", "\(shape)", file: folder.path(of: .adapter)))
      ]
    }
    return []
  }

  private func adapter(_ name: String, _ value: Int) -> PartSize {
    PartSize(ModelPart.adapter.name, name, "\(value)", file: folder.path(of: .adapter))
  }

  private func size(_ part: ModelPart, _ name: String, _ value: Int) -> PartSize {
    PartSize(part.name, name, "\(value)", file: file(of: part))
  }

  private func file(of part: ModelPart) -> String {
    part.configuration.map { folder.path + "/" + $0 } ?? folder.path(of: part)
  }
}
