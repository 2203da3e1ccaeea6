import Foundation
import Tensors

/// What an axis of an observed tensor counts. This is an open set: a hook point may declare new axes.
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

/// The kind of tensor that a hook point passes to hooks. This is an open set: a kind is declared next to the layers
/// that use it.
public struct HookKind: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let name: String

  public init(stringLiteral name: String) { self.name = name }

  public var description: String { name }
}

/// A named point of a forward pass at which a tensor can be observed or replaced.
///
/// If no hook is active, a call only reads one task-local value.
public final class HookPoint: Sendable, CustomStringConvertible {
  /// The full name, such as `up_blocks.0.attentions.1.transformer_blocks.0.attn2.text_pattern`.
  public let name: String
  /// The layer to which the point belongs: the name without its last part.
  public let layer: String
  /// The part of the model, such as `text_encoder`; empty for the denoising network.
  public let component: String
  public let kind: HookKind
  public let axes: [Axis]
  /// Length of the head axis; nil if there is none.
  public let heads: Int?

  init(name: String, layer: String, component: String, kind: HookKind, axes: [Axis], heads: Int?) {
    (self.name, self.layer, self.component) = (name, layer, component)
    (self.kind, self.axes, self.heads) = (kind, axes, heads)
  }

  public var description: String { "\(name) \(kind) \(axes)" }

  /// Whether any hook is active at this point at present.
  public func isObserved(on grid: FeatureGrid? = nil) -> Bool { session(on: grid) != nil }

  /// Passes a tensor to the hooks of this point.
  /// - Returns: the replacement that a hook returned, or the tensor itself.
  public func callAsFunction(_ tensor: Tensor, on grid: FeatureGrid? = nil) -> Tensor {
    session(on: grid)?.deliver(tensor, at: self, grid: grid) ?? tensor
  }

  /// Scaled dot-product attention over packed heads, softmax(q·kᵀ/√D + bias)·v. This point passes the probabilities to
  /// hooks.
  ///
  /// If no hook is active, the probabilities never exist all at once. Observing them changes no bit of the result.
  /// - Parameters:
  ///   - query: `[B, Q, heads·D]`.
  ///   - key: `[B, K, heads·D]`.
  ///   - value: `[B, K, heads·E]`.
  ///   - bias: added to the logits, `[B or 1, heads or 1, Q or 1, K]`.
  ///   - causal: whether query i attends only to the keys 0...i.
  ///   - kept: `[B, Q, 1]`: 0 sets a query's probabilities and result to zero, 1 keeps them. Probabilities that a hook
  ///     returns as a replacement are used as they are.
  /// - Returns: `[B, Q, heads·E]`.
  public func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, bias: Tensor? = nil, causal: Bool = false,
    keeping kept: Tensor? = nil,
    on grid: FeatureGrid? = nil
  ) -> Tensor {
    var isReplaced = false
    let observing = session(on: grid).map { session in
      { (probabilities: Tensor) -> Tensor? in
        let observed = kept.map { probabilities * $0.reshaped([$0.shape[0], 1, $0.shape[1], 1]) } ?? probabilities
        let replaced = session.deliver(observed, at: self, grid: grid)
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
