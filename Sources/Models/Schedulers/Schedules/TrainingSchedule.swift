import Tensors

/// The schedule that DDPM, DDIM and LCM share: selected training timesteps, and latents x_t = √ᾱ_t·x₀ + √(1 − ᾱ_t)·ε.
struct TrainingSchedule: StepSchedule {
  let timesteps: [Float]
  let initialNoiseSigma: Float = 1
  let noise: NoiseLevels
  private let prediction: SchedulerConfiguration.Prediction
  private let clips: Bool

  init(_ configuration: SchedulerConfiguration, timesteps: [Int]) {
    noise = NoiseLevels(configuration)
    self.timesteps = timesteps.map { Float($0) }
    (prediction, clips) = (configuration.prediction, configuration.clipsSample)
  }

  /// A schedule whose timesteps are spaced as the configuration says, by default `leading`.
  /// - Throws: ``SchedulerError/unsupported(option:found:supported:)`` if the offset leads beyond the last training
  ///   timestep, where ᾱ is not defined.
  init(_ configuration: SchedulerConfiguration, steps: Int, of scheduler: any Scheduler.Type) throws {
    let timesteps = NoiseLevels.timesteps(configuration, steps: steps, fallback: .leading, rounds: true).map { Int($0) }
    if let first = timesteps.first, first >= configuration.trainingSteps {
      throw SchedulerError.unsupported(
        option: "steps_offset \(configuration.stepsOffset) with \(steps) steps of \(scheduler.name)",
        found: "timestep \(first)",
        supported: "timesteps up to \(configuration.trainingSteps - 1); use fewer steps or trailing spacing")
    }
    self.init(configuration, timesteps: timesteps)
  }

  /// The training timestep of a step.
  func t(_ index: Int) -> Int { Int(timesteps[index]) }

  /// ᾱ at a step.
  func alphaBar(at index: Int) -> Float { noise.alphaBars[t(index)] }

  func noiseLevel(at index: Int) -> Float { Float(noise.sigma(at: Double(timesteps[index]))) }

  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample }

  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    let alphaBar = alphaBar(at: index)
    let clean = prediction.original(
      output, sample: sample, alpha: alphaBar.squareRoot(), sigma: (1 - alphaBar).squareRoot())
    return clips ? clean.clamped(to: -1...1) : clean
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    let last = self.noise.alphaBars.count - 1
    let alphaBars = timesteps.map { self.noise.alphaBars[min(max(Int($0), 0), last)] }
    return clean * alphaBars.map { $0.squareRoot() }.perRow(rank: clean.rank)
      + noise * alphaBars.map { (1 - $0).squareRoot() }.perRow(rank: clean.rank)
  }
}
