import Checkpoints
import Foundation
import Layers
import Tensors

/// The weights of an opened checkpoint. It keeps a list of the weights that were requested.
public final class CheckpointSource: ParameterSource, @unchecked Sendable {
  public let checkpoint: Checkpoint
  private let keys: PublishedKeys
  private let lock = NSLock()
  private var known: [String: Parameter] = [:]

  public convenience init(_ checkpoint: Checkpoint) { self.init(checkpoint, keys: .same) }

  /// - Parameter keys: how the checkpoint's keys differ from those that the model requests.
  package init(_ checkpoint: Checkpoint, keys: PublishedKeys) { (self.checkpoint, self.keys) = (checkpoint, keys) }

  /// - Parameter model: the model whose published keys the checkpoint has; nil: keys are stored as they are requested.
  package convenience init(_ checkpoint: Checkpoint, of model: PublishedKeys.Model?) {
    self.init(checkpoint, keys: model.map { PublishedKeys(checkpoint.keys, of: $0) } ?? .same)
  }

  public func shape(of key: String) -> [Int]? { checkpoint.shape(of: keys.stored(key)) }

  public func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    let stored = keys.stored(key)
    guard let found = checkpoint.shape(of: stored) else {
      throw ParameterError.missing(key: key, shape: shape, source: checkpoint.path)
    }
    guard found == shape else {
      throw ParameterError.wrongShape(key: key, expected: shape, found: found, source: checkpoint.path)
    }
    if let parameter = lock.withLock({ known[key] }) { return parameter }
    let parameter = Parameter(key, stored: try checkpoint.stored(stored))
    lock.withLock { known[key] = parameter }
    return parameter
  }

  /// Keys of the checkpoint that no layer has requested. Buffers that hold no weights (`position_ids`) and the other
  /// encoder of a whole CLIP model are left out.
  public var surplusKeys: [String] {
    let asked = lock.withLock { Set(known.keys.map(keys.stored)) }
    return checkpoint.keys.filter { !asked.contains($0) && !keys.isIgnored($0) }
  }

  /// Checks that a model uses every weight of the checkpoint. To be called after the model is made. An unused weight
  /// means that the configuration belongs to other weights.
  /// - Throws: `ParameterError.surplus` if there are unused weights.
  public func checkSurplus() throws {
    let keys = surplusKeys
    if !keys.isEmpty { throw ParameterError.surplus(keys: keys, source: checkpoint.path) }
  }

  /// All weights requested so far, by key.
  public var parameters: [String: Parameter] { lock.withLock { known } }
}
