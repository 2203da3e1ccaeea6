import Tensors

// Axes: B samples, then any other axes; all tensors of one call have the same shape.

/// The amount of noise in samples at each training timestep, and the target that the network learns to predict.
public struct NoiseSchedule: Sendable {
  /// ᾱ of every training timestep: the fraction of the signal's variance that is left.
  public let alphas: [Float]
  /// The quantity that the network predicts.
  public let prediction: SchedulerConfiguration.Prediction

  public init(_ configuration: SchedulerConfiguration) {
    (alphas, prediction) = (configuration.alphasCumulative(), configuration.prediction)
  }

  /// Number of timesteps.
  public var count: Int { alphas.count }

  /// √ᾱ·clean + √(1 − ᾱ)·noise, with one timestep per sample. Stops the program if there is a different number of
  /// timesteps.
  public func noised(_ clean: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
    clean * signal(timesteps, like: clean) + noise * standardDeviation(timesteps, like: clean)
  }

  /// What the network learns to predict: the noise ε, or v = √ᾱ·ε − √(1 − ᾱ)·clean (Salimans and Ho, 2022).
  public func target(clean: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
    switch prediction {
    case .epsilon: noise
    case .vPrediction: noise * signal(timesteps, like: clean) - clean * standardDeviation(timesteps, like: clean)
    }
  }

  /// The signal-to-noise ratio of a timestep, ᾱ / (1 − ᾱ).
  public func signalToNoise(_ timestep: Int) -> Float { alphas[timestep] / (1 - alphas[timestep]) }

  private func signal(_ timesteps: [Int], like tensor: Tensor) -> Tensor {
    column(timesteps.map { alphas[$0].squareRoot() }, like: tensor)
  }

  private func standardDeviation(_ timesteps: [Int], like tensor: Tensor) -> Tensor {
    column(timesteps.map { (1 - alphas[$0]).squareRoot() }, like: tensor)
  }

  private func column(_ values: [Float], like tensor: Tensor) -> Tensor {
    guard values.count == tensor.shape.first else {
      fail("NoiseSchedule: expected one timestep per sample of \(tensor.shape), found \(values.count)")
    }
    return Tensor(values, shape: [values.count] + [Int](repeating: 1, count: tensor.rank - 1))
  }
}
