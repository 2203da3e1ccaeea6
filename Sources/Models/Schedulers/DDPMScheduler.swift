import Tensors

/// Denoising diffusion probabilistic models (Ho et al., 2020) over selected timesteps, with the smaller of their two
/// fixed variances.
struct DDPMScheduler: ScheduleFollower {
  static let name = "ddpm"
  static let className = "DDPMScheduler"
  static let options: Set<SchedulerOption> = [.spacing, .clipping]
  static var defaults: SchedulerConfiguration {
    var configuration = SchedulerConfiguration()
    configuration.clipsSample = true
    return configuration
  }

  let schedule: TrainingSchedule

  init(_ configuration: SchedulerConfiguration, steps: Int) throws {
    schedule = try TrainingSchedule(configuration, steps: steps, of: Self.self)
  }

  /// A sample from q(x_s | x_t, x̂₀), the posterior of Eq. 6 and 7 of Ho et al. (2020), where s is the next timestep
  /// that the run visits, α_t = ᾱ_t/ᾱ_s and β_t = 1 − α_t:
  ///
  /// μ̃ = √ᾱ_s·β_t/(1 − ᾱ_t)·x̂₀ + √α_t·(1 − ᾱ_s)/(1 − ᾱ_t)·x_t and β̃ = (1 − ᾱ_s)/(1 − ᾱ_t)·β_t.
  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let alphaBar = schedule.alphaBar(at: index)
    let next = index + 1 < timesteps.count ? schedule.alphaBar(at: index + 1) : 1
    let (alpha, beta) = (alphaBar / next, 1 - alphaBar / next)
    let clean = original ?? self.original(output, at: index, sample: sample)
    let mean =
      clean * (next.squareRoot() * beta / (1 - alphaBar)) + sample * (alpha.squareRoot() * (1 - next) / (1 - alphaBar))
    guard schedule.t(index) > 0 else { return mean }
    let variance = max((1 - next) / (1 - alphaBar) * beta, 1e-20)
    return mean + noise() * variance.squareRoot()
  }
}

extension SchedulerKind {
  public static let ddpm = SchedulerKind(DDPMScheduler.self)
}
