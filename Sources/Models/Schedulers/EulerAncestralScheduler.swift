import Tensors

/// Euler's method with a step to below the next noise level, then fresh noise up to it: ancestral sampling (Song et al.,
/// 2021, "Score-Based Generative Modeling", appendix F) in the notation of Karras et al. (2022).
///
/// σ_up² = σᵢ₊₁²·(σᵢ² − σᵢ₊₁²) / σᵢ² and σ_down² = σᵢ₊₁² − σ_up²; then
/// xᵢ₊₁ = xᵢ + (σ_down − σᵢ)·dᵢ + σ_up·ε.
struct EulerAncestralScheduler: ScheduleFollower {
  static let name = "euler_ancestral"
  static let className = "EulerAncestralDiscreteScheduler"
  static let options: Set<SchedulerOption> = [.spacing]

  let schedule: EulerSchedule

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    schedule = EulerSchedule(configuration, steps: steps, usesKarrasSigmas: false)
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let (sigma, next) = (schedule.sigmas[index], schedule.sigmas[index + 1])
    let d = schedule.direction(
      sample, clean: original ?? self.original(output, at: index, sample: sample), at: index)
    let up = (next * next * (sigma * sigma - next * next) / (sigma * sigma)).squareRoot()
    let down = (next * next - up * up).squareRoot()
    return sample + d * (down - sigma) + noise() * up
  }
}

extension SchedulerKind {
  public static let eulerAncestral = SchedulerKind(EulerAncestralScheduler.self)
}
