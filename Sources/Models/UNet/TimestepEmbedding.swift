import Foundation
import Layers
import Tensors

/// Sine and cosine features of numbers (Ho et al., 2020): `[N]` to `[N, width]`.
///
/// - Parameters:
///   - flipsSineToCosine: whether cosines come before sines.
///   - frequencyShift: s in the frequencies 10000^(−i/(width/2 − s)), with i from 0 to width/2 − 1.
public func sinusoidalFeatures(
  _ numbers: [Float], width: Int, flipsSineToCosine: Bool = true, frequencyShift: Float = 0
) -> Tensor {
  let half = width / 2
  let scale = -Float(log(10000.0))
  let frequencies = (0..<half).map { Float(exp(Double(scale * Float($0) / (Float(half) - frequencyShift)))) }
  var values: [Float] = []
  values.reserveCapacity(numbers.count * width)
  for number in numbers {
    let angles = frequencies.map { Double(number * $0) }
    let (sines, cosines) = (angles.map { Float(sin($0)) }, angles.map { Float(cos($0)) })
    values += flipsSineToCosine ? cosines + sines : sines + cosines
    if width % 2 == 1 { values.append(0) }
  }
  return Tensor(values, shape: [numbers.count, width])
}

/// Two linear maps with SiLU between them, from features to the embedding that residual blocks add.
struct FeatureEmbedding: Sendable {
  let linear1, linear2: Linear

  init(_ scope: Scope, _ inputs: Int, _ width: Int) throws {
    linear1 = try Linear(scope["linear_1"], inputs, width)
    linear2 = try Linear(scope["linear_2"], width, width)
  }

  /// `[B, inputs]` to `[B, width]`.
  func callAsFunction(_ features: Tensor) -> Tensor { linear2(linear1(features).silu()) }
}
