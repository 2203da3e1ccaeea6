import Synchronization

/// The weight of a linear layer or a convolution, as the layer holds it.
public enum Weight: Sendable {
  /// Numbers in float32, recorded if they are trained.
  case tensor(Tensor)
  /// Numbers in float32 that never change, with what convolutions have computed from them.
  case frozen(Tensor, TransformedKernels)
  /// Numbers in the type that their file stores, never recorded.
  case stored(StoredTensor)

  public var shape: [Int] {
    switch self {
    case .tensor(let tensor), .frozen(let tensor, _): tensor.shape
    case .stored(let stored): stored.shape
    }
  }

  /// The numbers in float32.
  public var tensor: Tensor {
    switch self {
    case .tensor(let tensor), .frozen(let tensor, _): tensor
    case .stored(let stored): stored.tensor
    }
  }

  /// The tensor if it may be recorded: then operations have a gradient for it.
  var trained: Tensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }

  /// The weight without its record; a stored weight keeps its type.
  var detached: Weight {
    switch self {
    case .tensor(let tensor): .tensor(tensor.detached)
    case .frozen, .stored: self
    }
  }
}

/// The kernels of a weight that never changes, transformed for `WinogradConvolution` at their first use.
public final class TransformedKernels: Sendable {
  private let known = Mutex<Storage?>(nil)

  public init() {}

  /// The transformed kernels; `make` transforms them if nobody has yet.
  func values(_ make: () -> Storage) -> Storage {
    known.withLock { known in
      if let known { return known }
      let made = make()
      known = made
      return made
    }
  }
}
