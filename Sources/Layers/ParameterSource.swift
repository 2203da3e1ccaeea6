import Foundation
import Tensors

/// Where a model's weights come from: a checkpoint, a random initialisation, or nothing but their shapes.
public protocol ParameterSource: AnyObject, Sendable {
  /// The weight of that key and exactly that shape.
  /// - Throws: `ParameterError` where it is missing or has another shape.
  func parameter(_ key: String, shape: [Int]) throws -> Parameter
  /// The shape of a weight, or nil where there is none of that key.
  func shape(of key: String) -> [Int]?
}

/// What can be wrong with a weight that a model asks for.
public enum ParameterError: Error, Equatable, CustomStringConvertible {
  case missing(key: String, shape: [Int], source: String)
  case wrongShape(key: String, expected: [Int], found: [Int], source: String)
  case unsupported(component: String, option: String, found: String, supported: String)
  /// Weights that the configuration has no layer for.
  case surplus(keys: [String], source: String)

  public var description: String {
    switch self {
    case .missing(let key, let shape, let source):
      "\(source): the weight '\(key)' of shape \(shape) is missing; check that the file belongs to this model's config.json"
    case .wrongShape(let key, let expected, let found, let source):
      "\(source): the weight '\(key)' has shape \(found), the configuration asks for \(expected); "
        + "check that config.json belongs to these weights"
    case .surplus(let keys, let source):
      "\(source): expected the weights that the configuration asks for, found \(keys.count) more: "
        + keys.prefix(3).map { "'\($0)'" }.joined(separator: ", ") + (keys.count > 3 ? " and others" : "")
        + "; check that config.json belongs to these weights, or ignore these by name (--ignore-surplus)"
    case .unsupported(let component, let option, let found, let supported):
      "\(component): '\(option)' is \(found), supported is \(supported)"
    }
  }
}

/// Weights drawn from a seed: what a training starts from, and what tests build models of any size with.
///
/// Matrices and kernels are normal with deviation 1/√fan-in, norms 1, biases 0; every weight depends on its key and the
/// seed alone, not on the order in which a model asks. Nothing is drawn before it is used.
public final class RandomSource: ParameterSource, @unchecked Sendable {
  public let seed: UInt64
  private let lock = NSLock()
  private var made: [String: Parameter] = [:]

  public init(seed: UInt64) { self.seed = seed }

  public func shape(of key: String) -> [Int]? { lock.withLock { made[key]?.shape } }

  /// All weights asked for so far, by key.
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

/// Shapes without numbers: tells which weights a configuration asks for, at any size, at no cost.
public final class ShapeSource: ParameterSource, @unchecked Sendable {
  private let lock = NSLock()
  private var asked: [String: [Int]] = [:]

  public init() {}

  public func shape(of key: String) -> [Int]? { lock.withLock { asked[key] } }

  public func parameter(_ key: String, shape: [Int]) throws -> Parameter {
    lock.withLock { asked[key] = shape }
    return Parameter(key, shape: shape) { .zeros(shape) }
  }

  /// Every weight asked for, by key.
  public var shapes: [String: [Int]] { lock.withLock { asked } }

  /// How many numbers the model holds.
  public var parameterCount: Int { shapes.values.reduce(0) { $0 + $1.reduce(1, *) } }
}
