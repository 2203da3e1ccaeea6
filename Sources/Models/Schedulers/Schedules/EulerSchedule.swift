import Tensors

/// The schedule that the two Euler schedulers share, in the notation of Karras et al. (2022): latents x = x₀ + σ·ε, in
/// which the signal keeps its scale.
struct EulerSchedule: StepSchedule {
  let timesteps: [Float]
  let initialNoiseSigma: Float
  /// σ before each step, and 0 after the last step.
  let sigmas: [Float]
  private let prediction: SchedulerConfiguration.Prediction

  init(_ configuration: SchedulerConfiguration, steps: Int, usesKarrasSigmas: Bool) {
    let noise = NoiseLevels(configuration)
    var chosen = NoiseLevels.timesteps(configuration, steps: steps, fallback: .linspace, rounds: false)
    var levels = chosen.map { noise.sigma(at: Double(Float($0))) }
    if usesKarrasSigmas {
      levels = NoiseLevels.karras(from: levels[0], to: levels[levels.count - 1], steps: steps)
      chosen = levels.map(noise.timestep)
    }
    timesteps = chosen.map { Float($0) }
    sigmas = levels.map { Float($0) } + [0]
    let largest = sigmas.max() ?? 0
    initialNoiseSigma =
      (configuration.spacing ?? .linspace) == .leading ? (largest * largest + 1).squareRoot() : largest
    prediction = configuration.prediction
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

  /// d = (x − x̂₀) / σ at a step, which is dx/dσ of the probability-flow equation.
  func direction(_ sample: Tensor, clean: Tensor, at index: Int) -> Tensor { (sample - clean) / sigmas[index] }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    let sigmas = timesteps.map { self.sigmas[self.timesteps.nearestIndex(to: $0)] }
    return clean + noise * sigmas.perRow(rank: clean.rank)
  }

  /// √(σ² + 1), the standard deviation of latents whose signal has standard deviation 1.
  private static func norm(_ sigma: Float) -> Float { (sigma * sigma + 1).squareRoot() }
}
