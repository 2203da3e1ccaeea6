import Models
import Tensors

// Axes: B samples; what follows them is the same in all tensors of a call.

/// How noisy samples are at each timestep of training, and what the network is to predict there.
public struct NoiseSchedule: Sendable {
  /// ᾱ of every timestep: how much of the signal's variance is left.
  public let alphas: [Float]
  /// What the network predicts.
  public let prediction: SchedulerConfiguration.Prediction

  public init(_ configuration: SchedulerConfiguration) {
    (alphas, prediction) = (configuration.alphasCumulative(), configuration.prediction)
  }

  /// Number of timesteps.
  public var count: Int { alphas.count }

  /// √ᾱ·clean + √(1 − ᾱ)·noise, with one timestep a sample.
  public func noised(_ clean: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
    clean * signal(timesteps, like: clean) + noise * deviation(timesteps, like: clean)
  }

  /// What the network is to give: the noise ε, or v = √ᾱ·ε − √(1 − ᾱ)·clean (Salimans and Ho, 2022).
  public func target(clean: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
    switch prediction {
    case .epsilon: noise
    case .vPrediction: noise * signal(timesteps, like: clean) - clean * deviation(timesteps, like: clean)
    }
  }

  /// Signal to noise, ᾱ / (1 − ᾱ).
  public func signalToNoise(_ timestep: Int) -> Float { alphas[timestep] / (1 - alphas[timestep]) }

  private func signal(_ timesteps: [Int], like tensor: Tensor) -> Tensor {
    column(timesteps.map { alphas[$0].squareRoot() }, like: tensor)
  }

  private func deviation(_ timesteps: [Int], like tensor: Tensor) -> Tensor {
    column(timesteps.map { (1 - alphas[$0]).squareRoot() }, like: tensor)
  }

  private func column(_ values: [Float], like tensor: Tensor) -> Tensor {
    guard values.count == tensor.shape.first else {
      fail("NoiseSchedule: \(values.count) timesteps for samples of shape \(tensor.shape)")
    }
    return Tensor(values, shape: [values.count] + [Int](repeating: 1, count: tensor.rank - 1))
  }
}

/// Mean squared error of what the network predicts, each timestep weighted.
public struct DiffusionLoss: Sendable {
  /// How much timesteps count.
  public enum Weighting: Sendable, Equatable {
    /// All the same, as published.
    case uniform
    /// Min-SNR-γ (Hang et al., 2023): as if the clean image were predicted with a weight of min(SNR, γ), which is
    /// min(SNR, γ) / SNR for ε and min(SNR, γ) / (SNR + 1) for v; γ = 5 is usual.
    case minSNR(gamma: Float)
  }

  public var schedule: NoiseSchedule
  public var weighting: Weighting

  public init(_ schedule: NoiseSchedule, weighting: Weighting = .uniform) {
    (self.schedule, self.weighting) = (schedule, weighting)
  }

  /// The weight of a timestep's squared error.
  public func weight(timestep: Int) -> Float {
    guard case .minSNR(let gamma) = weighting else { return 1 }
    let ratio = schedule.signalToNoise(timestep)
    switch schedule.prediction {
    case .epsilon: return ratio > gamma ? gamma / ratio : 1
    case .vPrediction: return min(ratio, gamma) / (ratio + 1)
    }
  }

  /// Mean loss over the samples, one number.
  /// - Parameter output: what the network gave for the noised samples.
  public func callAsFunction(_ output: Tensor, clean: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
    let target = schedule.target(clean: clean, noise: noise, timesteps: timesteps)
    guard output.shape == target.shape else {
      fail("DiffusionLoss: the network gave \(output.shape), expected \(target.shape)")
    }
    let errors = (output - target).square()
    if weighting == .uniform { return errors.mean() }
    let weights = Tensor(timesteps.map { weight(timestep: $0) }, shape: [timesteps.count])
    return (errors.mean(axes: Array(1..<errors.rank)) * weights).mean()
  }
}
