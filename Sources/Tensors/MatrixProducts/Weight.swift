/// The weight of a linear layer or a convolution, as the layer holds it.
public enum Weight: Sendable {
  /// Numbers in float32, recorded if they are trained.
  case tensor(Tensor)
  /// Numbers in the type that their file stores, never recorded.
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

  /// The tensor, if the weight is one: operations compute a gradient for it. Nil for a stored weight.
  var trained: Tensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }

  /// The weight without its record; a stored weight keeps its type.
  var detached: Weight {
    switch self {
    case .tensor(let tensor): .tensor(tensor.detached)
    case .stored: self
    }
  }
}
