import Foundation
import Tensors

/// One weight of a model: its checkpoint key, its shape, and its numbers.
///
/// Numbers that a checkpoint stores in half precision stay so in memory and are widened when a layer uses them; only
/// small ones are kept widened. A trainer replaces `value`.
public final class Parameter: @unchecked Sendable {
  /// Weights of at most this many elements are kept widened once they were used (256 KiB each).
  static let keptElements = 65_536

  public let key: String
  public let shape: [Int]
  private enum Contents {
    case stored(StoredTensor)
    case tensor(Tensor)
    case made(@Sendable () -> Tensor)
  }
  private var contents: Contents
  private let lock = NSLock()

  /// A weight as it lies in a file.
  public init(_ key: String, stored: StoredTensor) {
    (self.key, shape, contents) = (key, stored.shape, .stored(stored))
  }

  /// A weight in float32.
  public init(_ key: String, _ value: Tensor) {
    (self.key, shape, contents) = (key, value.shape, .tensor(value))
  }

  /// A weight that is made when it is first used.
  public init(_ key: String, shape: [Int], make: @escaping @Sendable () -> Tensor) {
    (self.key, self.shape, contents) = (key, shape, .made(make))
  }

  public var count: Int { shape.reduce(1, *) }

  /// The type the numbers are kept in.
  public var elementType: ElementType {
    lock.withLock {
      if case .stored(let stored) = contents { return stored.elementType }
      return .float32
    }
  }

  /// The numbers in float32.
  public var value: Tensor {
    get {
      lock.withLock {
        switch contents {
        case .tensor(let tensor): return tensor
        case .made(let make):
          let tensor = make()
          contents = .tensor(tensor)
          return tensor
        case .stored(let stored):
          let tensor = stored.tensor
          if stored.elementType != .float32 && count <= Self.keptElements { contents = .tensor(tensor) }
          return tensor
        }
      }
    }
    set {
      guard newValue.shape == shape else {
        fail("\(key): a parameter of shape \(shape) cannot take a tensor of shape \(newValue.shape)")
      }
      lock.withLock { contents = .tensor(newValue) }
    }
  }

  /// Rows of a table `[N, C]` in float32, without widening the others: `[rows.count, C]`.
  public func rows(_ rows: [Int]) -> Tensor {
    let stored: StoredTensor? = lock.withLock {
      if case .stored(let stored) = contents { return stored }
      return nil
    }
    guard let stored, shape.count == 2, stored.elementType != .float32 else {
      return value.gathered(axis: 0, rows)
    }
    if let outside = rows.first(where: { !(0..<shape[0]).contains($0) }) {
      fail("\(key): row \(outside) of a table of \(shape[0]) rows")
    }
    let width = shape[1] * stored.elementType.size
    let bytes = stored.withBytes { all in rows.flatMap { all[($0 * width)..<(($0 + 1) * width)] } }
    return StoredTensor(shape: [rows.count, shape[1]], elementType: stored.elementType, data: bytes).tensor
  }
}
