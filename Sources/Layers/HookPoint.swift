import Foundation
import Tensors

/// What an axis of an observed tensor counts.
public enum Axis: String, Sendable { case batch, head, query, key, channel, height, width, token }

/// What kind of tensor a hook point shows.
public enum HookKind: String, Sendable, CaseIterable {
  /// Softmax of the denoising network's positions over text tokens.
  case textAttention
  /// Softmax over dummy and subject tokens as it is used: confined to the layout, background rows zero (Eq. 5, 6).
  case subjectAttention
  /// The same softmax without any layout; it only exists where it is observed.
  case subjectAttentionUnmasked
  /// Values of the subject branch, one row a dummy or subject token, for value-weighted contributions.
  case subjectValue
  /// Softmax of positions or tokens over each other.
  case selfAttention
  /// Output of a block or of a transformer layer.
  case blockOutput
  /// Latents after a denoising step.
  case latents
  /// The clean latents that a step predicts.
  case predictedOriginal
}

/// The height and width of the feature map whose positions an axis counts.
public struct FeatureGrid: Sendable, Hashable, CustomStringConvertible {
  public let height: Int
  public let width: Int

  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

  public var count: Int { height * width }
  public var description: String { "\(height)×\(width)" }
}

/// A place in a forward pass where a tensor can be observed or replaced.
///
/// Applied inline, it costs one look at a task-local value where nobody watches.
public final class HookPoint: Sendable, CustomStringConvertible {
  /// The full name, as `up_blocks.0.attentions.1.transformer_blocks.0.attn2.text_pattern`.
  public let name: String
  /// The layer the point belongs to: the name without its last part.
  public let layer: String
  public let kind: HookKind
  public let axes: [Axis]
  /// Length of the head axis, nil where there is none.
  public let heads: Int?

  init(name: String, layer: String, kind: HookKind, axes: [Axis], heads: Int?) {
    (self.name, self.layer, self.kind, self.axes, self.heads) = (name, layer, kind, axes, heads)
  }

  public var description: String { "\(name) \(kind.rawValue) \(axes.map(\.rawValue))" }

  /// Whether somebody watches this point in the running call.
  public func isWatched(on grid: FeatureGrid? = nil) -> Bool {
    HookSession.current?.watches(self, grid: grid) ?? false
  }

  /// Shows a tensor, and gives back what stands in its place.
  public func callAsFunction(_ tensor: Tensor, on grid: FeatureGrid? = nil) -> Tensor {
    guard let session = HookSession.current, session.watches(self, grid: grid) else { return tensor }
    return session.deliver(tensor, at: self, grid: grid) ?? tensor
  }

  /// What `attention(…, observing:)` takes: nil where nobody watches, so that probabilities are never materialised.
  public func probabilities(on grid: FeatureGrid? = nil) -> ((Tensor) -> Tensor?)? {
    guard let session = HookSession.current, session.watches(self, grid: grid) else { return nil }
    return { session.deliver($0, at: self, grid: grid) }
  }
}

/// All hook points of a model or of a whole pipeline.
public final class HookCatalog: @unchecked Sendable {
  private let lock = NSLock()
  private var listed: [HookPoint] = []

  public init() {}

  public var points: [HookPoint] { lock.withLock { listed } }

  func add(_ point: HookPoint) { lock.withLock { listed.append(point) } }
}
