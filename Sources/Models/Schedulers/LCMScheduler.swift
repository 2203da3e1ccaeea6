import Tensors

/// Latent consistency models (Luo et al., 2023): every step goes to clean latents and back to the next noise level.
struct LCMScheduler: Scheduler {
  let timesteps: [Float]
  let initialNoiseSigma: Float = 1
  private let noise: NoiseLevels
  private let configuration: SchedulerConfiguration

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    noise = NoiseLevels(configuration)
    let original = configuration.originalSteps
    let distance = configuration.trainingSteps / original
    let falling = (1...original).reversed().map { $0 * distance - 1 }
    let part = Double(original) / Double(steps)
    timesteps = (0..<steps).map { Float(falling[Int(Double($0) * part)]) }
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

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let clean = original ?? self.original(output, at: index, sample: sample)
    // The consistency function's boundary condition: at timestep 0 it is the sample itself (data deviation 0.5).
    let scaled = timesteps[index] * 10
    let keep = 0.25 / (scaled * scaled + 0.25)
    let take = scaled / (scaled * scaled + 0.25).squareRoot()
    let denoised = clean * take + sample * keep
    guard index + 1 < timesteps.count else { return denoised }
    let next = self.noise.alphas[Int(timesteps[index + 1])]
    return denoised * next.squareRoot() + noise() * (1 - next).squareRoot()
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    self.noise.addNoise(clean, noise: noise, at: timesteps)
  }
}
