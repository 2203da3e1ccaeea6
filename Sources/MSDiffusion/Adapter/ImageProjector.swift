import Analysis
import JSON
import Layers
import Models
import Tensors

// Axes: S subjects, N image tokens, T tokens per subject, W image width, P phrase width, C context width.

/// Turns the images of subjects into tokens that the U-Net attends to.
public protocol ImageProjector: Sendable {
  associatedtype Configuration: ProjectorConfiguration
  var configuration: Configuration { get }

  /// Subject tokens, `[S, T, C]`. Subjects do not influence each other.
  /// - Parameters:
  ///   - images: the image encoder's output for each subject, `[S, N, W]` or `[S, W]`; the configuration's
  ///     ``ProjectorConfiguration/imageInput`` says which.
  ///   - phrases: the text encoder's pooled state of each subject's phrase, `[S, P]`.
  ///   - boxes: the box of each subject.
  ///   - dropsGrounding: for each subject, whether the subject's phrase and box are ignored.
  func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor
}

/// The sizes from which a projector is made. Add a new kind of projector to ``AdapterConfiguration/projectors``, or
/// pass it when you open a ``Pipeline``.
public protocol ProjectorConfiguration: Sendable {
  /// The value of `projector` in the adapter's configuration.
  static var name: String { get }
  /// The key, below `image_proj`, of a weight that shows that a checkpoint has this kind of projector. Kinds that come
  /// later in the list of projectors must not have this weight.
  static var ownWeight: String { get }

  /// Number of tokens per subject, T.
  var tokens: Int { get }
  /// The output of the image encoder that the projector takes.
  var imageInput: ImageInput { get }
  /// Width of that output, W.
  var imageWidth: Int { get }
  /// Width of a phrase's embedding, P; nil if the projector ignores phrases.
  var phraseWidth: Int? { get }
  /// Width of the tokens, C.
  var contextWidth: Int { get }

  /// Reads the sizes.
  /// - Throws: `ParameterError` for sizes that are missing or impossible; `JSONError` for an entry of the wrong type.
  init(_ sizes: AdapterSizes) throws

  /// All sizes as JSON entries, which ``init(_:)`` reads.
  var entries: [(String, JSONValue)] { get }

  /// Makes the projector from its weights.
  /// - Throws: `ParameterError` if a weight is missing or has a different shape.
  func projector(_ scope: Scope) throws -> any ImageProjector
}

/// The output of the image encoder that a projector takes.
public enum ImageInput: Sendable {
  /// The second-to-last hidden states, `[S, N, W]`.
  case states
  /// The pooled embedding after its projection, `[S, W]`.
  case embedding

  /// Chooses between two values, one for each kind of input.
  public func chosen<Value>(states: Value, embedding: Value) -> Value {
    switch self {
    case .states: states
    case .embedding: embedding
    }
  }
}
