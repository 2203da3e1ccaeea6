import Foundation
import Tensors

/// DPM-Solver++ (2M): Algorithm 2 of Lu et al. (2022, "DPM-Solver++"), a multistep solver of second order on predicted
/// clean latents. The first and the last step are of first order.
struct DPMSolverScheduler: ScheduleFollower {
  static let name = "dpmpp_2m"
  static let className = "DPMSolverMultistepScheduler"
  static let options: Set<SchedulerOption> = [.spacing, .karrasSigmas]
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { MultistepSchedule.stepLimit(configuration) }

  let schedule: MultistepSchedule
  /// The clean latents of the previous step.
  private var previous: Tensor?

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    schedule = MultistepSchedule(configuration, steps: steps)
  }

  /// From s to t, with x̂ₛ the clean latents at s and x̂ᵣ the clean latents of the previous step:
  ///
  /// xₜ = (σₜ/σₛ)·xₛ − αₜ·(e^(−h) − 1)·D, where h = λₜ − λₛ, r = h_before/h and
  /// D = (1 + 1/(2r))·x̂ₛ − 1/(2r)·x̂ᵣ = x̂ₛ + (x̂ₛ − x̂ᵣ)/(2r).
  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let clean = original ?? self.original(output, at: index, sample: sample)
    defer { previous = clean }
    let h = schedule.lambda(index + 1) - schedule.lambda(index)
    let factor = schedule.alpha(index + 1) * (exp(-h) - 1)
    let firstOrder = sample * (schedule.sigma(index + 1) / schedule.sigma(index)) - clean * factor
    guard let previous, index + 1 < timesteps.count else { return firstOrder }
    let hBefore = schedule.lambda(index) - schedule.lambda(index - 1)
    return firstOrder - (clean - previous) * (0.5 * factor * h / hBefore)
  }
}

extension SchedulerKind {
  /// DPM-Solver++ of second order.
  public static let dpmSolver = SchedulerKind(DPMSolverScheduler.self)
}
