import Foundation
import Tensors

/// What an axis of an observed tensor counts. An open set: whoever declares a hook point may name an axis of its own.
public struct Axis: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let name: String

  public init(stringLiteral name: String) { self.name = name }

  public static let batch: Axis = "batch"
  public static let head: Axis = "head"
  public static let query: Axis = "query"
  public static let key: Axis = "key"
  public static let token: Axis = "token"
  public static let channel: Axis = "channel"
  public static let height: Axis = "height"
  public static let width: Axis = "width"

  public var description: String { name }
}

/// What a hook point shows. An open set: a kind is declared beside the layer that makes the point.
public struct HookKind: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let name: String

  public init(stringLiteral name: String) { self.name = name }

  public var description: String { name }
}

/// A named point of a forward pass where a tensor can be observed or replaced.
///
/// Applied inline, it costs one look at a task-local value where nobody observes.
public final class HookPoint: Sendable, CustomStringConvertible {
  /// The full name, as `up_blocks.0.attentions.1.transformer_blocks.0.attn2.text_pattern`.
  public let name: String
  /// The layer the point belongs to: the name without its last part.
  public let layer: String
  /// The part of the model, as `text_encoder`; empty for the denoising network.
  public let component: String
  public let kind: HookKind
  public let axes: [Axis]
  /// Length of the head axis, nil where there is none.
  public let heads: Int?

  init(name: String, layer: String, component: String, kind: HookKind, axes: [Axis], heads: Int?) {
    (self.name, self.layer, self.component) = (name, layer, component)
    (self.kind, self.axes, self.heads) = (kind, axes, heads)
  }

  public var description: String { "\(name) \(kind) \(axes)" }

  /// Whether somebody observes this point in the running call.
  public func isObserved(on grid: FeatureGrid? = nil) -> Bool { session(on: grid) != nil }

  /// Shows a tensor, and returns what a hook put in its place, or the tensor itself.
  public func callAsFunction(_ tensor: Tensor, on grid: FeatureGrid? = nil) -> Tensor {
    session(on: grid)?.deliver(tensor, at: self, grid: grid) ?? tensor
  }

  /// Scaled dot-product attention over packed heads, softmax(q·kᵀ/√D + bias)·v, whose probabilities pass this point.
  ///
  /// Where nobody observes, they are never materialised. Observing changes no bit of the result.
  /// - Parameters:
  ///   - query: `[B, Q, heads·D]`.
  ///   - key: `[B, K, heads·D]`.
  ///   - value: `[B, K, heads·E]`.
  ///   - bias: added to the logits, `[B or 1, heads or 1, Q or 1, K]`.
  ///   - kept: `[B, Q, 1]`, 1 where a query's row is kept and 0 where it is zero, probabilities and result alike; a hook
  ///     that replaces probabilities has the last word.
  /// - Returns: `[B, Q, heads·E]`.
  public func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, bias: Tensor? = nil, causal: Bool = false,
    keeping kept: Tensor? = nil,
    on grid: FeatureGrid? = nil
  ) -> Tensor {
    var isReplaced = false
    let observing = session(on: grid).map { session in
      { (probabilities: Tensor) -> Tensor? in
        let shown = kept.map { probabilities * $0.reshaped([$0.shape[0], 1, $0.shape[1], 1]) } ?? probabilities
        let replaced = session.deliver(shown, at: self, grid: grid)
        isReplaced = replaced != nil
        return replaced
      }
    }
    let attended = attention(
      query: query, key: key, value: value, heads: heads ?? 1, bias: bias, causal: causal, observing: observing)
    return isReplaced ? attended : kept.map { attended * $0 } ?? attended
  }

  private func session(on grid: FeatureGrid?) -> HookSession? {
    guard let session = HookSession.current, session.observes(self, grid: grid) else { return nil }
    return session
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
