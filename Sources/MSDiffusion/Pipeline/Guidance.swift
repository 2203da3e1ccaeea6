import Tensors

// Axes: B samples of all scenes, C channels, h and w latent height and width.

/// Classifier-free guidance for the samples of a batch.
package struct Guidance {
  /// Strength and interval of noise levels per sample; strength 1 means no guidance.
  private let strengths: [(value: Float, interval: ClosedRange<Float>)]

  /// nil if no scene has guidance above 1: then no unconditional half is needed.
  package init?(_ scenes: [Scene]) {
    guard scenes.contains(where: { $0.guidance > 1 }) else { return nil }
    strengths = scenes.flatMap { Array(repeating: (max($0.guidance, 1), $0.guidanceInterval), count: $0.samples) }
  }

  /// Unconditional + strength · (conditional − unconditional). Samples whose interval does not contain the noise level
  /// get the conditional prediction.
  ///
  /// - Parameters:
  ///   - prediction: Predictions of both halves, the unconditional half first, `[2·B, C, h, w]`.
  ///   - noiseLevel: σ, the noise's standard deviation divided by the signal's.
  /// - Returns: `[B, C, h, w]`.
  package func callAsFunction(_ prediction: Tensor, noiseLevel: Float) -> Tensor {
    let halves = prediction.split(axis: 0, sizes: [strengths.count, strengths.count])
    let factors = strengths.map { $0.interval.contains(noiseLevel) ? $0.value : 1 }
    return halves[0] + Tensor(factors, shape: [strengths.count, 1, 1, 1]) * (halves[1] - halves[0])
  }
}
