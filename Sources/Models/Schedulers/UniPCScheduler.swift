import Foundation
import Tensors

/// UniPC (Zhao et al., 2023) of second order on predicted clean latents, with B(h) = e^h − 1: a predictor, UniP, and a
/// corrector, UniC, that needs no additional network call.
///
/// The notation is that of the paper, for a step from s to t. Since clean latents are predicted, −h replaces h, where
/// h = λₜ − λₛ. m₀ are the clean latents at s, and m₁ the clean latents of the previous step, at λ₁;
/// r₁ = (λ₁ − λₛ)/h, D₁ = (m₁ − m₀)/r₁. With hφ₁ = e^(−h) − 1, hφ₂ = hφ₁/(−h) − 1 and hφ₃ = hφ₂/(−h) − ½:
///
/// xₜ = (σₜ/σₛ)·xₛ − αₜ·hφ₁·m₀ − αₜ·B(−h)·Σ ρₖ·Dₖ.
struct UniPCScheduler: ScheduleFollower {
  static let name = "unipc"
  static let className = "UniPCMultistepScheduler"
  static let options: Set<SchedulerOption> = [.spacing, .karrasSigmas]
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { MultistepSchedule.stepLimit(configuration) }

  let schedule: MultistepSchedule
  /// The clean latents m₀ and m₁ of the last two steps, the latest step first.
  private var m: [Tensor] = []
  /// The corrected latents that the last step started from.
  private var lastSample: Tensor?
  private var order = 1

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    schedule = MultistepSchedule(configuration, steps: steps)
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let clean = original ?? self.original(output, at: index, sample: sample)
    let corrected = lastSample.map { correct(clean, from: $0, at: index) } ?? sample
    m = [clean] + m.prefix(1)
    order = min(2, timesteps.count - index, m.count)
    lastSample = corrected
    return predict(corrected, at: index)
  }

  /// UniP: latents at index + 1 from those at `index`. At second order ρ₁ = ½.
  private func predict(_ sample: Tensor, at index: Int) -> Tensor {
    let h = schedule.lambda(index + 1) - schedule.lambda(index)
    // B(−h) = hφ₁, so that one factor serves both terms.
    let factor = schedule.alpha(index + 1) * expm1(-h)
    let firstOrder = sample * (schedule.sigma(index + 1) / schedule.sigma(index)) - m[0] * factor
    guard order == 2 else { return firstOrder }
    let r1 = (schedule.lambda(index - 1) - schedule.lambda(index)) / h
    return firstOrder - (m[1] - m[0]) * (0.5 * factor / r1)
  }

  /// UniC: corrects the latents at `index`, whose clean latents mₜ are now known. The clean latents add the node r₂ = 1
  /// with D₂ = mₜ − m₀.
  ///
  /// At first order ρ = ½. At second order ρ solves ρ₁ + ρ₂ = b₁, ρ₁·r₁ + ρ₂ = b₂ with b₁ = hφ₂/B(−h) and
  /// b₂ = 2·hφ₃/B(−h) (Eq. 9 of the paper).
  private func correct(_ clean: Tensor, from last: Tensor, at index: Int) -> Tensor {
    let h = schedule.lambda(index) - schedule.lambda(index - 1)
    let b = expm1(-h)  // B(−h) = hφ₁
    let factor = schedule.alpha(index) * b
    let firstOrder = last * (schedule.sigma(index) / schedule.sigma(index - 1)) - m[0] * factor
    let d2 = clean - m[0]
    guard order == 2 else { return firstOrder - d2 * (0.5 * factor) }
    let r1 = (schedule.lambda(index - 2) - schedule.lambda(index - 1)) / h
    let hPhi2 = b / -h - 1
    let hPhi3 = hPhi2 / -h - 0.5
    let (b1, b2) = (hPhi2 / b, 2 * hPhi3 / b)
    let rho2 = (b2 - r1 * b1) / (1 - r1)
    let rho1 = b1 - rho2
    return firstOrder - ((m[1] - m[0]) * (rho1 / r1) + d2 * rho2) * factor
  }
}

extension SchedulerKind {
  public static let uniPC = SchedulerKind(UniPCScheduler.self)
}
