import Foundation
import Tensors

/// Euler's method on the probability-flow equation (Karras et al., 2022), with or without fresh noise at each step.
///
/// Latents keep the signal's own scale: sample = clean + σ·noise.
struct EulerScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseSigma: Float
  /// σ before each step, and 0 after the last.
  let sigmas: [Float]
  private let prediction: SchedulerConfiguration.Prediction
  private let isAncestral: Bool

  init(_ configuration: SchedulerConfiguration, steps: Int, isAncestral: Bool) {
    let noise = NoiseLevels(configuration)
    var chosen = NoiseLevels.timesteps(configuration, steps: steps, fallback: .linspace, rounds: false)
    var levels = chosen.map { noise.level(at: Double(Float($0))) }
    if configuration.usesKarrasSigmas, !isAncestral {
      levels = NoiseLevels.karras(from: levels[0], to: levels[levels.count - 1], steps: steps)
      chosen = levels.map(noise.timestep)
    }
    timesteps = chosen.map { Float($0) }
    sigmas = levels.map { Float($0) } + [0]
    let largest = sigmas.max() ?? 0
    initialNoiseSigma =
      (configuration.spacing ?? .linspace) == .leading ? (largest * largest + 1).squareRoot() : largest
    (prediction, self.isAncestral) = (configuration.prediction, isAncestral)
  }

  func noiseLevel(at index: Int) -> Float { sigmas[index] }

  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample / Self.norm(sigmas[index]) }

  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    let sigma = sigmas[index]
    return switch prediction {
    case .epsilon: sample - output * sigma
    case .vPrediction: output * (-sigma / Self.norm(sigma)) + sample / (sigma * sigma + 1)
    }
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let (sigma, next) = (sigmas[index], sigmas[index + 1])
    let clean = original ?? self.original(output, at: index, sample: sample)
    let direction = (sample - clean) / sigma
    guard isAncestral else { return sample + direction * (next - sigma) }
    let up = (next * next * (sigma * sigma - next * next) / (sigma * sigma)).squareRoot()
    let down = (next * next - up * up).squareRoot()
    return sample + direction * (down - sigma) + noise() * up
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    let rows = timesteps.map { timestep in
      sigmas[self.timesteps.place(of: timestep)]
    }
    return clean + noise * Tensor(rows, shape: [rows.count] + [Int](repeating: 1, count: clean.rank - 1))
  }

  private static func norm(_ sigma: Float) -> Float { (sigma * sigma + 1).squareRoot() }
}
