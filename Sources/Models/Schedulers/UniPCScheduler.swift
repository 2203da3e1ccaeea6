import Foundation
import Tensors

/// UniPC (Zhao et al., 2023): a predictor of second order on clean latents with B(h) = e^h − 1, and a corrector that
/// needs no further network call.
struct UniPCScheduler: Scheduler {
  private let schedule: MultistepSchedule
  /// Clean latents of the last two steps, the latest first.
  private var history: [Tensor] = []
  private var lastSample: Tensor?
  private var lastOrder = 1
  let initialNoiseSigma: Float = 1

  init(_ configuration: SchedulerConfiguration, steps: Int) {
    schedule = MultistepSchedule(configuration, steps: steps)
  }

  var timesteps: [Float] { schedule.timesteps }
  var sigmas: [Float] { schedule.sigmas }
  func noiseLevel(at index: Int) -> Float { schedule.sigmas[index] }
  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample }
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    schedule.original(output, at: index, sample: sample)
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let clean = original ?? self.original(output, at: index, sample: sample)
    let corrected = lastSample.map { correct(clean, from: $0, at: index) } ?? sample
    history = [clean] + history.prefix(1)
    lastOrder = min(2, timesteps.count - index, history.count)
    lastSample = corrected
    return predict(corrected, at: index)
  }

  /// The next sample from this one and the clean latents so far.
  private func predict(_ sample: Tensor, at index: Int) -> Tensor {
    let width = schedule.logarithm(index + 1) - schedule.logarithm(index)
    let share = schedule.signal(index + 1) * expm1(-width)
    let first = sample * (schedule.deviation(index + 1) / schedule.deviation(index)) - history[0] * share
    guard lastOrder == 2 else { return first }
    let ratio = (schedule.logarithm(index - 1) - schedule.logarithm(index)) / width
    return first - (history[1] - history[0]) * (0.5 * share / ratio)
  }

  /// The sample at a step once more, now that its clean latents are known.
  private func correct(_ clean: Tensor, from last: Tensor, at index: Int) -> Tensor {
    let width = schedule.logarithm(index) - schedule.logarithm(index - 1)
    let factor = expm1(-width)
    let share = schedule.signal(index) * factor
    let first = last * (schedule.deviation(index) / schedule.deviation(index - 1)) - history[0] * share
    let change = clean - history[0]
    guard lastOrder == 2 else { return first - change * (0.5 * share) }
    // The two weights solve Σ ρ = b₁, Σ ρ·r = b₂ for the nodes r and 1 (Eq. 9 there).
    let ratio = (schedule.logarithm(index - 2) - schedule.logarithm(index - 1)) / width
    let second = factor / -width - 1
    let third = second / -width - 0.5
    let (b1, b2) = (second / factor, 2 * third / factor)
    let latest = (b2 - ratio * b1) / (1 - ratio)
    let older = b1 - latest
    return first - ((history[1] - history[0]) * (older / ratio) + change * latest) * share
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    schedule.addNoise(clean, noise: noise, at: timesteps)
  }
}
