import JSON
import Layers
import Tensors

/// An activation function that a configuration names.
public enum Activation: String, Sendable {
  case gelu
  case quickGELU = "quick_gelu"
  case silu

  /// - Parameter fallback: the activation to use if the configuration names none.
  /// - Throws: `ParameterError.unsupported` for any other name.
  init(_ node: JSONNode, or fallback: Activation, component: String) throws {
    guard node.isPresent else {
      self = fallback
      return
    }
    let name = try node.string()
    guard let known = Activation(rawValue: name) else {
      throw ParameterError.unsupported(
        component: component, option: "hidden_act", found: name, supported: "gelu, quick_gelu, silu")
    }
    self = known
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .gelu: x.gelu()
    case .quickGELU: x.quickGELU()
    case .silu: x.silu()
    }
  }
}
