import Tensors

/// Euler's method on the probability-flow equation: Algorithm 1 of Karras et al. (2022) without its correction,
/// xᵢ₊₁ = xᵢ + (σᵢ₊₁ − σᵢ)·dᵢ with dᵢ = (xᵢ − x̂₀) / σᵢ.
struct EulerScheduler: ScheduleFollower {
  static let name = "euler"
  static let className = "EulerDiscreteScheduler"
  static let options: Set<SchedulerOption> = [.spacing, .karrasSigmas]

  let schedule: EulerSchedule

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    schedule = EulerSchedule(configuration, steps: steps, usesKarrasSigmas: configuration.usesKarrasSigmas)
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let d = schedule.direction(
      sample, clean: original ?? self.original(output, at: index, sample: sample), at: index)
    return sample + d * (schedule.sigmas[index + 1] - schedule.sigmas[index])
  }
}

extension SchedulerKind {
  public static let euler = SchedulerKind(EulerScheduler.self)
}
