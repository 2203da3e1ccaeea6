import Tensors

/// Denoising diffusion probabilistic models (Ho et al., 2020), over chosen timesteps, with the smaller fixed variance.
struct DDPMScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseSigma: Float = 1
  private let noise: NoiseLevels
  private let configuration: SchedulerConfiguration

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    noise = NoiseLevels(configuration)
    timesteps = NoiseLevels.timesteps(configuration, steps: steps, fallback: .leading, rounds: true).map { Float($0) }
    self.configuration = configuration
  }

  func noiseLevel(at index: Int) -> Float { Float(noise.level(at: Double(timesteps[index]))) }

  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample }

  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    let alpha = noise.alphas[Int(timesteps[index])]
    let clean = configuration.prediction.original(
      output, sample: sample, signal: alpha.squareRoot(), deviation: (1 - alpha).squareRoot())
    return configuration.clipsSample ? clean.clamped(to: -1...1) : clean
  }

  /// Eq. 7 of the paper.
  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let timestep = Int(timesteps[index])
    let alpha = self.noise.alphas[timestep]
    let next = index + 1 < timesteps.count ? self.noise.alphas[Int(timesteps[index + 1])] : 1
    let (kept, added) = (alpha / next, 1 - alpha / next)
    let clean = original ?? self.original(output, at: index, sample: sample)
    let mean =
      clean * (next.squareRoot() * added / (1 - alpha)) + sample * (kept.squareRoot() * (1 - next) / (1 - alpha))
    guard timestep > 0 else { return mean }
    let variance = max((1 - next) / (1 - alpha) * added, 1e-20)
    return mean + noise() * variance.squareRoot()
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    self.noise.addNoise(clean, noise: noise, at: timesteps)
  }
}
