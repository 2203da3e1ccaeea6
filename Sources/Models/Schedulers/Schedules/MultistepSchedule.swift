import Foundation
import Tensors

/// The schedule that DPM-Solver++ and UniPC share, in the notation of their papers: latents x = α·x₀ + σ·ε with
/// α² + σ² = 1, and λ = log(α/σ), half the logarithm of the signal-to-noise ratio.
struct MultistepSchedule: StepSchedule {
  let timesteps: [Float]
  let initialNoiseSigma: Float = 1
  /// σ/α before each step, and 0 after the last step.
  private let noiseLevels: [Float]
  private let prediction: SchedulerConfiguration.Prediction

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    let noise = NoiseLevels(configuration)
    var chosen = NoiseLevels.timesteps(configuration, steps: steps, fallback: .linspace, extra: 1, rounds: true)
    var levels = chosen.map(noise.sigma)
    if configuration.usesKarrasSigmas {
      levels = NoiseLevels.karras(from: noise.sigmas[noise.sigmas.count - 1], to: noise.sigmas[0], steps: steps)
      chosen = levels.map { noise.timestep(of: $0).rounded(.toNearestOrEven) }
    }
    timesteps = chosen.map { Float($0) }
    noiseLevels = levels.map { Float($0) } + [0]
    prediction = configuration.prediction
  }

  /// One less than the number of training timesteps, since the spacings leading and linspace divide training into one
  /// part more than there are steps.
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { configuration.trainingSteps - 1 }

  /// α before a step; 1 after the last step.
  func alpha(_ index: Int) -> Float { 1 / (noiseLevels[index] * noiseLevels[index] + 1).squareRoot() }
  /// σ before a step; 0 after the last step.
  func sigma(_ index: Int) -> Float { noiseLevels[index] * alpha(index) }
  /// λ before a step; infinite after the last step.
  func lambda(_ index: Int) -> Float { log(alpha(index)) - log(sigma(index)) }

  func noiseLevel(at index: Int) -> Float { noiseLevels[index] }

  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample }

  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    prediction.original(output, sample: sample, alpha: alpha(index), sigma: sigma(index))
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    let indices = timesteps.map { self.timesteps.nearestIndex(to: $0) }
    return clean * indices.map(alpha).perRow(rank: clean.rank) + noise * indices.map(sigma).perRow(rank: clean.rank)
  }
}
