import Foundation
import Tensors

/// One weight of a model: its checkpoint key, its shape, and its numbers.
///
/// A weight that its file stores in half precision stays in half precision in memory, and is widened to float32 at each
/// use, part by part; only a small weight stays widened after its first use. Training replaces `value`.
public final class Parameter: @unchecked Sendable {
  /// The largest number of elements of a weight that stays widened after its first use (2 MiB in float32).
  static let keptElements = 1 << 19

  /// The weight's key in a checkpoint.
  public let key: String
  public let shape: [Int]
  /// The type in which the weight's file stores its numbers; float32 for a weight without a file.
  public let storedType: ElementType
  private enum Contents {
    case stored(StoredTensor)
    case tensor(Tensor)
    case made(@Sendable () -> Tensor)
  }
  private var contents: Contents
  private let lock = NSLock()

  /// A weight in the type that its file stores.
  public init(_ key: String, stored: StoredTensor) {
    (self.key, shape, storedType, contents) = (key, stored.shape, stored.elementType, .stored(stored))
  }

  /// A weight in float32.
  public init(_ key: String, _ value: Tensor) {
    (self.key, shape, storedType, contents) = (key, value.shape, .float32, .tensor(value))
  }

  /// A weight that is computed at its first use.
  public init(_ key: String, shape: [Int], make: @escaping @Sendable () -> Tensor) {
    (self.key, self.shape, storedType, contents) = (key, shape, .float32, .made(make))
  }

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The type in which the numbers are kept in memory.
  public var elementType: ElementType {
    lock.withLock {
      if case .stored(let stored) = contents { return stored.elementType }
      return .float32
    }
  }

  /// The weight as the operand of a matrix product: in float32 or, if it is large, in the type that its file stores.
  public var operand: Weight {
    lock.withLock {
      switch contents {
      case .tensor(let tensor): return .tensor(tensor)
      case .made(let make):
        let tensor = make()
        contents = .tensor(tensor)
        return .tensor(tensor)
      case .stored(let stored):
        guard count <= Self.keptElements else {
          return stored.elementType == .float32 ? .tensor(stored.tensor) : .stored(stored)
        }
        let tensor = stored.tensor
        contents = .tensor(tensor)
        return .tensor(tensor)
      }
    }
  }

  /// The numbers in float32. Setting a tensor of a different shape stops the program.
  public var value: Tensor {
    get { operand.tensor }
    set {
      guard newValue.shape == shape else {
        fail("\(key): a parameter of shape \(shape) cannot take a tensor of shape \(newValue.shape)")
      }
      lock.withLock { contents = .tensor(newValue) }
    }
  }

  /// Rows of a table `[N, C]` in float32, `[rows.count, C]`, without widening the other rows. Stops the program if a
  /// row is outside of the table.
  public func rows(_ rows: [Int]) -> Tensor {
    let stored: StoredTensor? = lock.withLock {
      if case .stored(let stored) = contents { return stored }
      return nil
    }
    guard let stored, shape.count == 2, stored.elementType != .float32 else {
      return value.gathered(axis: 0, rows)
    }
    if let outside = rows.first(where: { !(0..<shape[0]).contains($0) }) {
      fail("\(key): expected rows in 0..<\(shape[0]), found row \(outside)")
    }
    let width = shape[1] * stored.elementType.size
    let bytes = stored.withBytes { all in rows.flatMap { all[($0 * width)..<(($0 + 1) * width)] } }
    return StoredTensor(shape: [rows.count, shape[1]], elementType: stored.elementType, data: bytes).tensor
  }
}
