/// A part of a model folder, identified by the name that it is published under. The set is open:
/// ``init(model:weights:)`` makes further parts.
public struct ModelPart: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The name of the part's folder. For files in the model folder itself, their name without extension.
  public let name: String
  let layout: Layout

  /// Which files a part has, and where they are.
  enum Layout: Hashable, Sendable {
    /// A folder with `config.json` and weights; `weights` is the name of the weight file without its extension.
    case model(weights: String)
    /// A folder with a configuration and no weights.
    case configuration(file: String)
    /// A folder with CLIP's vocabulary.
    case tokenizer
    /// Weights and their configuration in the model folder itself.
    case adapter
    /// A configuration in the model folder itself.
    case index
  }

  /// A model in its own folder.
  /// - Parameters:
  ///   - name: the folder's name.
  ///   - weights: the name, without extension, of the weight file to write. For reading, every name in ``WeightNames``
  ///     is tried.
  public init(model name: String, weights: String = WeightNames.diffusers) {
    self.init(name, .model(weights: weights))
  }

  private init(_ name: String, _ layout: Layout) { (self.name, self.layout) = (name, layout) }

  public static let unet = ModelPart(model: "unet")
  public static let vae = ModelPart(model: "vae")
  public static let textEncoder = ModelPart(model: "text_encoder", weights: WeightNames.transformers)
  public static let secondTextEncoder = ModelPart(model: "text_encoder_2", weights: WeightNames.transformers)
  public static let imageEncoder = ModelPart(model: "image_encoder", weights: WeightNames.transformers)
  public static let tokenizer = ModelPart("tokenizer", .tokenizer)
  public static let secondTokenizer = ModelPart("tokenizer_2", .tokenizer)
  public static let scheduler = ModelPart("scheduler", .configuration(file: "scheduler_config.json"))
  /// The configuration of image preprocessing, if it is not next to the image encoder itself.
  public static let featureExtractor = ModelPart("feature_extractor", .configuration(file: preprocessorFile))
  /// The part that MS-Diffusion adds: the image projector, and the weights for the subjects' keys and values.
  public static let adapter = ModelPart("ms_adapter", .adapter)
  /// The list of a model's parts with their classes.
  public static let index = ModelPart("model_index", .index)

  /// The predefined parts that have a folder with weights and a `config.json`.
  public static let models: [ModelPart] = [.unet, .vae, .textEncoder, .secondTextEncoder, .imageEncoder]
  /// All predefined parts.
  public static let all =
    models + [.tokenizer, .secondTokenizer, .scheduler, .featureExtractor, .adapter, .index]
  /// Parts that every model folder has.
  public static let required: [ModelPart] = [.unet, .vae, .textEncoder, .tokenizer, .scheduler]
  /// Parts that only models with a second text encoder have.
  static let second: [ModelPart] = [.secondTextEncoder, .secondTokenizer]

  static let preprocessorFile = "preprocessor_config.json"
  static let processorFile = "processor_config.json"
  static let modelFile = "config.json"

  /// Whether the part's weights are in a folder of their own, which may hold several variants.
  var hasVariants: Bool {
    if case .model = layout { true } else { false }
  }

  /// The path of the part's configuration, relative to the model folder; nil if the part has no configuration.
  package var configuration: String? {
    switch layout {
    case .model: "\(name)/\(Self.modelFile)"
    case .configuration(let file): "\(name)/\(file)"
    case .tokenizer: nil
    case .adapter: "\(name)_config.json"
    case .index: "\(name).json"
    }
  }

  /// The path of the weight file to write, relative to the model folder; nil if the part has no weights.
  func weights(variant: String?) -> String? {
    switch layout {
    case .model(let weights): "\(name)/\(weights)\(variant.map { "." + $0 } ?? "").safetensors"
    case .adapter: "\(name).safetensors"
    case .configuration, .tokenizer, .index: nil
    }
  }

  /// Names of files and folders in the model folder that belong to the part, its weights or folder first.
  package var entries: [String] {
    switch layout {
    case .model, .configuration, .tokenizer: [name]
    case .adapter: WeightNames.endings.map { "\(name).\($0)" } + ["\(name)_config.json"]
    case .index: ["\(name).json"]
    }
  }

  /// The part's folder, or the names that its file may have, for messages.
  public var description: String {
    switch layout {
    case .model, .configuration, .tokenizer: name + "/"
    case .adapter: entries.dropLast().joined(separator: " or ")
    case .index: entries[0]
    }
  }

  public static func < (a: ModelPart, b: ModelPart) -> Bool { a.name < b.name }
}

/// Names of weight files without their extensions.
public enum WeightNames {
  public static let diffusers = "diffusion_pytorch_model"
  public static let transformers = "model"
  /// The name that transformers used before safetensors.
  static let pickled = "pytorch_model"
  /// All names, in search order.
  static let all = [diffusers, transformers, pickled]
  static let endings = ["safetensors", "bin"]
}

/// The files of a published CLIP tokenizer.
public struct TokenizerFolder: Sendable, Equatable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// Vocabulary, merges and added tokens in one file, as transformers 5 saves them.
  public var whole: String { path + "/tokenizer.json" }
  /// The IDs of tokens that were added after the vocabulary was published.
  public var addedTokens: String { path + "/added_tokens.json" }
  /// The file that maps each token to its ID.
  public var vocabulary: String { path + "/vocab.json" }
  /// The file that lists the token pairs to merge, in order of priority.
  public var merges: String { path + "/merges.txt" }
  public var configuration: String { path + "/tokenizer_config.json" }
  /// The file that names the special tokens if the configuration does not.
  public var specialTokens: String { path + "/special_tokens_map.json" }
}
