import Tensors

/// Timesteps selected from those of training, and latents x_t = √ᾱ_t·x₀ + √(1 − ᾱ_t)·ε: shared by DDPM, DDIM and LCM.
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

  /// Timesteps as the configuration spaces them, by default `leading`.
  /// - Throws: ``SchedulerError/unsupported(option:found:supported:)`` if an offset leads beyond the last training
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

  /// The timestep of a step as an index into training.
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
