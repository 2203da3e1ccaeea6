import Models
import Tensors

// Axes: B samples; all other axes are the same in all tensors of a call.

/// Mean squared error of the network's prediction, weighted by timestep.
public struct DiffusionLoss: Sendable {
  /// How timesteps are weighted.
  public enum Weighting: Sendable, Equatable {
    /// All timesteps have the same weight, as published.
    case uniform
    /// Min-SNR-γ (Hang et al., 2023), which corresponds to a weight of min(SNR, γ) for predicted clean images. It is
    /// min(SNR, γ) / SNR for predicted ε and min(SNR, γ) / (SNR + 1) for predicted v. γ = 5 is usual.
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

  /// Mean loss over the samples, one number. Stops the program if `output` does not have the shape of `clean`.
  /// - Parameters:
  ///   - output: the network's prediction for the noised samples.
  ///   - timesteps: the timestep of each sample.
  public func callAsFunction(_ output: Tensor, clean: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
    let target = schedule.target(clean: clean, noise: noise, timesteps: timesteps)
    guard output.shape == target.shape else {
      fail("DiffusionLoss: the network predicted \(output.shape), expected \(target.shape)")
    }
    let errors = (output - target).square()
    if weighting == .uniform { return errors.mean() }
    let weights = Tensor(timesteps.map { weight(timestep: $0) }, shape: [timesteps.count])
    return (errors.mean(axes: Array(1..<errors.rank)) * weights).mean()
  }
}
