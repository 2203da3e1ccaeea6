import Foundation
import Tensors

/// A source of a model's weights, such as a checkpoint or a random initialisation.
public protocol ParameterSource: AnyObject, Sendable {
  /// The weight with this key and exactly this shape.
  /// - Throws: `ParameterError` if the weight is missing or has a different shape.
  func parameter(_ key: String, shape: [Int]) throws -> Parameter
  /// The shape of the weight with this key; nil if there is none.
  func shape(of key: String) -> [Int]?
}

/// An error in a model's weights or configuration.
public enum ParameterError: Error, Equatable, CustomStringConvertible {
  /// A weight is missing. In the expected shape, −1 stands for any length.
  case missing(key: String, shape: [Int], source: String)
  /// A weight has a different shape than the configuration needs. In the expected shape, −1 stands for any length.
  case wrongShape(key: String, expected: [Int], found: [Int], source: String)
  /// An option of a configuration has a value that is not supported.
  case unsupported(component: String, option: String, found: String, supported: String)
  /// The source has weights for which the configuration has no layer.
  case surplus(keys: [String], source: String)

  public var description: String {
    switch self {
    case .missing(let key, let shape, let source):
      "\(source): the weight '\(key)' of shape \(Self.text(shape)) is missing; "
        + "check that config.json belongs to these weights"
    case .wrongShape(let key, let expected, let found, let source):
      "\(source): the weight '\(key)' has shape \(found), the configuration needs \(Self.text(expected)); "
        + "check that config.json belongs to these weights"
    case .surplus(let keys, let source):
      "\(source): expected the weights that the configuration needs, found \(keys.count) more: "
        + keys.prefix(3).map { "'\($0)'" }.joined(separator: ", ") + (keys.count > 3 ? " and others" : "")
        + "; check that config.json belongs to these weights, or ignore surplus weights with --ignore-surplus"
    case .unsupported(let component, let option, let found, let supported):
      "\(component): '\(option)' is \(found), supported: \(supported)"
    }
  }

  /// A shape in which −1 stands for any length.
  private static func text(_ shape: [Int]) -> String {
    "[" + shape.map { $0 < 0 ? "any" : "\($0)" }.joined(separator: ", ") + "]"
  }
}

/// Random weights from a seed: the initial weights for training, and weights for models of any size in tests.
///
/// Matrices and kernels are normal with standard deviation 1/√fan-in, other vectors normal with standard deviation 1;
/// the weights of norms are 1 and biases 0. Every weight depends only on its key, its shape and the seed, not on the
/// order of requests. A weight is generated at its first use.
public final class RandomSource: ParameterSource, @unchecked Sendable {
  public let seed: UInt64
  private let lock = NSLock()
  private var made: [String: Parameter] = [:]

  public init(seed: UInt64) { self.seed = seed }

  public func shape(of key: String) -> [Int]? { lock.withLock { made[key]?.shape } }

  /// All weights requested so far, by key.
  public var parameters: [String: Parameter] { lock.withLock { made } }

  public func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    try lock.withLock {
      if let known = made[key] {
        guard known.shape == shape else {
          throw ParameterError.wrongShape(key: key, expected: shape, found: known.shape, source: "random weights")
        }
        return known
      }
      let seed = Self.seed(of: key, base: seed)
      let parameter = Parameter(key, shape: shape) { Self.draw(key: key, shape: shape, seed: seed) }
      made[key] = parameter
      return parameter
    }
  }

  private static func draw(key: String, shape: [Int], seed: UInt64) -> Tensor {
    if shape.count == 1 {
      return key.hasSuffix("bias")
        ? .zeros(shape)
        : key.contains("norm") || key.hasSuffix(".0.weight")
          ? .ones(shape) : RandomGenerator(seed: seed).drawn(shape)
    }
    let fanIn = shape.dropFirst().reduce(1, *)
    return RandomGenerator(seed: seed).drawn(shape) * (1 / Float(max(fanIn, 1)).squareRoot())
  }

  /// FNV-1a over the key's bytes, started from the seed.
  private static func seed(of key: String, base: UInt64) -> UInt64 {
    key.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ (base &* 0x9e37_79b9_7f4a_7c15)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension RandomGenerator {
  fileprivate func drawn(_ shape: [Int]) -> Tensor {
    var generator = self
    return generator.normal(shape)
  }
}

/// Collects the shapes of the weights that a model requests, without allocating the weights. The model may be of any
/// size.
public final class ShapeSource: ParameterSource, @unchecked Sendable {
  private let lock = NSLock()
  private var requested: [String: [Int]] = [:]

  public init() {}

  public func shape(of key: String) -> [Int]? { lock.withLock { requested[key] } }

  public func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    lock.withLock { requested[key] = shape }
    return Parameter(key, shape: shape) { .zeros(shape) }
  }

  /// The shape of every weight requested so far, by key.
  public var shapes: [String: [Int]] { lock.withLock { requested } }

  /// Number of parameters in all weights requested so far.
  public var parameterCount: Int { shapes.values.reduce(0) { $0 + $1.reduce(1, *) } }
}
