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
  ///   - images: the image encoder's output for each subject, which the configuration's ``ImageInput`` selects:
  ///     `[S, N, W]` or `[S, W]`.
  ///   - phrases: the text encoder's pooled state of each phrase, `[S, P]`.
  ///   - boxes: one per subject.
  ///   - dropsGrounding: one per subject: whether its phrase and box are ignored.
  func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor
}

/// The sizes from which a projector is made. A new kind of projector must be added to
/// ``AdapterConfiguration/projectors``.
public protocol ProjectorConfiguration: Sendable {
  /// The value of `projector` in the adapter's configuration.
  static var name: String { get }
  /// A weight below `image_proj` that the projectors after this one in the list do not have.
  static var ownWeight: String { get }

  /// Tokens per subject, T.
  var tokens: Int { get }
  /// The output of the image encoder that the projector takes.
  var imageInput: ImageInput { get }
  /// Width of that output, W.
  var imageWidth: Int { get }
  /// Width of a phrase's embedding, P; nil if the projector ignores phrases.
  var phraseWidth: Int? { get }
  /// Width of the tokens, C.
  var contextWidth: Int { get }

  /// - Throws: `ParameterError`, `JSONError` for sizes that are missing or impossible.
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
