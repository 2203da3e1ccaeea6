import Foundation
import Tensors

/// What DPM-Solver++ and UniPC share: timesteps, noise levels, and latents of unit deviation,
/// sample = signal·clean + deviation·noise.
struct MultistepSchedule: Sendable {
  let timesteps: [Float]
  /// σ before each step, and 0 after the last.
  let sigmas: [Float]
  private let prediction: SchedulerConfiguration.Prediction

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    let noise = NoiseLevels(configuration)
    var chosen = NoiseLevels.timesteps(configuration, steps: steps, fallback: .linspace, extra: 1, rounds: true)
    var levels = chosen.map(noise.level)
    if configuration.usesKarrasSigmas {
      levels = NoiseLevels.karras(from: noise.levels[noise.levels.count - 1], to: noise.levels[0], steps: steps)
      chosen = levels.map { noise.timestep(of: $0).rounded(.toNearestOrEven) }
    }
    timesteps = chosen.map { Float($0) }
    sigmas = levels.map { Float($0) } + [0]
    prediction = configuration.prediction
  }

  func signal(_ index: Int) -> Float { 1 / (sigmas[index] * sigmas[index] + 1).squareRoot() }
  func deviation(_ index: Int) -> Float { sigmas[index] * signal(index) }
  /// Half the logarithm of the signal-to-noise ratio; infinite after the last step.
  func logarithm(_ index: Int) -> Float { log(signal(index)) - log(deviation(index)) }

  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    prediction.original(output, sample: sample, signal: signal(index), deviation: deviation(index))
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    let places = timesteps.map { timestep in
      self.timesteps.place(of: timestep)
    }
    let shape = [places.count] + [Int](repeating: 1, count: clean.rank - 1)
    return clean * Tensor(places.map(signal), shape: shape) + noise * Tensor(places.map(deviation), shape: shape)
  }
}
