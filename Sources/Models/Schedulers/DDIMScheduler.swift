import Tensors

/// Denoising diffusion implicit models (Song et al., 2021).
struct DDIMScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseSigma: Float = 1
  private let noise: NoiseLevels
  private let configuration: SchedulerConfiguration
  private let distance: Int

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    noise = NoiseLevels(configuration)
    timesteps = NoiseLevels.timesteps(configuration, steps: steps, fallback: .leading, rounds: true).map { Float($0) }
    self.configuration = configuration
    distance = configuration.trainingSteps / steps
  }

  func noiseLevel(at index: Int) -> Float { Float(noise.level(at: Double(timesteps[index]))) }

  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample }

  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    let alpha = alpha(Int(timesteps[index]))
    let clean = configuration.prediction.original(
      output, sample: sample, signal: alpha.squareRoot(), deviation: (1 - alpha).squareRoot())
    return configuration.clipsSample ? clean.clamped(to: -1...1) : clean
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let timestep = Int(timesteps[index])
    let (alpha, next) = (alpha(timestep), self.alpha(timestep - distance))
    let (signal, deviation) = (alpha.squareRoot(), (1 - alpha).squareRoot())
    let prediction = configuration.prediction
    let output =
      original.map { prediction.output(for: $0, sample: sample, signal: signal, deviation: deviation) } ?? output
    let clean = original ?? self.original(output, at: index, sample: sample)
    let direction = prediction.noise(output, sample: sample, signal: signal, deviation: deviation)
    let variance = (1 - next) / (1 - alpha) * (1 - alpha / next)
    let fresh = configuration.eta * variance.squareRoot()
    let result = clean * next.squareRoot() + direction * (1 - next - fresh * fresh).squareRoot()
    return configuration.eta > 0 ? result + noise() * fresh : result
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    self.noise.addNoise(clean, noise: noise, at: timesteps)
  }

  /// ᾱ of a training step; before the first one, that of the end.
  private func alpha(_ timestep: Int) -> Float {
    if timestep >= 0 { return noise.alphas[timestep] }
    return configuration.setsFinalAlphaToOne ? 1 : noise.alphas[0]
  }
}
