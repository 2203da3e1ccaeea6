import Tensors

/// Denoising diffusion implicit models (Song et al., 2021). What they call α is called ᾱ here, as in Ho et al. (2020).
struct DDIMScheduler: ScheduleFollower {
  static let name = "ddim"
  static let className = "DDIMScheduler"
  static let options: Set<SchedulerOption> = [.spacing, .clipping, .finalAlpha]
  static var defaults: SchedulerConfiguration {
    var configuration = SchedulerConfiguration()
    configuration.clipsSample = true
    return configuration
  }

  let schedule: TrainingSchedule
  private let configuration: SchedulerConfiguration
  /// Number of training timesteps between two steps.
  private let distance: Int

  init(_ configuration: SchedulerConfiguration, steps: Int) throws {
    schedule = try TrainingSchedule(configuration, steps: steps, of: Self.self)
    self.configuration = configuration
    distance = configuration.trainingSteps / steps
  }

  /// From t to s = t − distance (Eq. 12): x_s = √ᾱ_s·x̂₀ + √(1 − ᾱ_s − σ²)·ε̂ + σ·ε with
  /// σ² = η²·(1 − ᾱ_s)/(1 − ᾱ_t)·(1 − ᾱ_t/ᾱ_s) (Eq. 16).
  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let (alphaBar, next) = (schedule.alphaBar(at: index), alphaBar(schedule.t(index) - distance))
    let (signal, spread) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
    let prediction = configuration.prediction
    let output =
      original.map { prediction.output(for: $0, sample: sample, alpha: signal, sigma: spread) } ?? output
    let clean = original ?? self.original(output, at: index, sample: sample)
    let epsilon = prediction.noise(output, sample: sample, alpha: signal, sigma: spread)
    let variance = (1 - next) / (1 - alphaBar) * (1 - alphaBar / next)
    let sigma = configuration.eta * variance.squareRoot()
    let result = clean * next.squareRoot() + epsilon * (1 - next - sigma * sigma).squareRoot()
    return configuration.eta > 0 ? result + noise() * sigma : result
  }

  /// ᾱ of a training timestep. Below 0 it is the final ᾱ: 1, or ᾱ of timestep 0.
  private func alphaBar(_ t: Int) -> Float {
    if t >= 0 { return schedule.noise.alphaBars[t] }
    return configuration.setsFinalAlphaToOne ? 1 : schedule.noise.alphaBars[0]
  }
}

extension SchedulerKind {
  public static let ddim = SchedulerKind(DDIMScheduler.self)
}
