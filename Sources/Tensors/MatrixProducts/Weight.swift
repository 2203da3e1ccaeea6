/// The weight of a linear layer or a convolution, as the layer holds it.
public enum Weight: Sendable {
  /// Numbers in float32, recorded where they are trained.
  case tensor(Tensor)
  /// Numbers in the type that their file stores, which is never recorded.
  case stored(StoredTensor)

  public var shape: [Int] {
    switch self {
    case .tensor(let tensor): tensor.shape
    case .stored(let stored): stored.shape
    }
  }

  /// The numbers in float32.
  public var tensor: Tensor {
    switch self {
    case .tensor(let tensor): tensor
    case .stored(let stored): stored.tensor
    }
  }

  /// The same weight without its record; one that is stored stays in its type.
  var detached: Weight {
    switch self {
    case .tensor(let tensor): .tensor(tensor.detached)
    case .stored: self
    }
  }
}
