import Layers
import Tensors

/// A weight in training, with everything that is kept for it between steps.
final class TrainedWeight: @unchecked Sendable {
  let parameter: Parameter
  /// The weight's name in checkpoints: the parameter's key; if several parameters have the same key, with a number from
  /// the second one on.
  let name: String
  var value: Tensor
  var moments: AdamW.Moments
  var average: Tensor?

  init(_ parameter: Parameter, name: String, keepsAverage: Bool) {
    (self.parameter, self.name) = (parameter, name)
    value = parameter.value.detached
    moments = AdamW.Moments(parameter.shape)
    average = keepsAverage ? value : nil
  }

  /// All weights of an objective, before the first step.
  /// - Throws: ``TrainingError/parameters(_:)`` if there are none, or if one is listed twice.
  static func all(of parameters: [Parameter], keepsAverages: Bool) throws -> [TrainedWeight] {
    guard !parameters.isEmpty else {
      throw TrainingError.parameters("expected weights to train, found none; list some in the objective's parameters")
    }
    guard Set(parameters.map { ObjectIdentifier($0) }).count == parameters.count else {
      throw TrainingError.parameters(
        "expected every weight once, found one twice; list each weight once in the objective's parameters")
    }
    var seen: [String: Int] = [:]
    return parameters.map { parameter in
      seen[parameter.key, default: 0] += 1
      let number = seen[parameter.key] ?? 1
      let name = number == 1 ? parameter.key : "\(parameter.key)#\(number)"
      return TrainedWeight(parameter, name: name, keepsAverage: keepsAverages)
    }
  }

  var isFinite: Bool {
    value.isFinite && moments.first.isFinite && moments.second.isFinite && average?.isFinite ?? true
  }
}

extension [TrainedWeight] {
  /// Sets the model's parameters to these weights.
  func putBack() { for weight in self { weight.parameter.value = weight.value } }

  /// Runs a body while the model's parameters have the given values, then sets them to these weights again.
  func with<Result>(_ values: [Tensor], _ body: () throws -> Result) rethrows -> Result {
    for (weight, value) in zip(self, values) { weight.parameter.value = value }
    defer { putBack() }
    return try body()
  }
}
