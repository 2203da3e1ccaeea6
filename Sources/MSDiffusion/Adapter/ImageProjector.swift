import Analysis
import JSON
import Layers
import Models
import Tensors

// Axes: S subjects, N image tokens, T tokens per subject, W image width, P phrase width, C context width.

/// How the images of subjects become tokens that the U-Net attends to.
public protocol ImageProjector: Sendable {
  associatedtype Configuration: ProjectorConfiguration
  var configuration: Configuration { get }

  /// Subject tokens, `[S, T, C]`. Subjects do not see each other.
  /// - Parameters:
  ///   - images: what the image encoder makes of each subject, as the configuration's ``ImageInput`` says: `[S, N, W]` or
  ///     `[S, W]`.
  ///   - phrases: the text encoder's pooled state of each phrase, `[S, P]`.
  ///   - boxes: one per subject.
  ///   - dropsGrounding: one per subject: whether its tokens are made without its phrase and box.
  func callAsFunction(_ images: Tensor, phrases: Tensor, boxes: [Box], dropsGrounding: [Bool]) -> Tensor
}

/// The sizes of a projector, and how it is made of them. A new kind of projector is one line more in
/// ``AdapterConfiguration/projectors``.
public protocol ProjectorConfiguration: Sendable {
  /// What `projector` is called in the adapter's configuration.
  static var name: String { get }
  /// A weight, below `image_proj`, that tells this projector from those after it in the list.
  static var ownWeight: String { get }

  /// Tokens per subject, T.
  var tokens: Int { get }
  /// What it reads of an image.
  var imageInput: ImageInput { get }
  /// Width of that, W.
  var imageWidth: Int { get }
  /// Width of a phrase, P; nil where phrases do not matter.
  var phraseWidth: Int? { get }
  /// Width of the tokens, C.
  var contextWidth: Int { get }

  /// - Throws: `ParameterError`, `JSONError` for sizes that are not there or impossible.
  init(_ sizes: AdapterSizes) throws

  /// All sizes under the names that they are read by.
  var entries: [(String, JSONValue)] { get }

  /// The projector itself.
  /// - Throws: `ParameterError` where a weight is missing or of another shape.
  func projector(_ scope: Scope) throws -> any ImageProjector
}

/// What a projector reads of the image encoder's output.
public enum ImageInput: Sendable {
  /// The second-to-last hidden states, `[S, N, W]`.
  case states
  /// The pooled embedding after its projection, `[S, W]`.
  case embedding

  /// One of two, by what is read.
  public func chosen<Value>(states: Value, embedding: Value) -> Value {
    switch self {
    case .states: states
    case .embedding: embedding
    }
  }
}
