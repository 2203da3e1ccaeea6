import Foundation
import Tensors

/// DPM-Solver++ (2M): the multistep solver of second order on predicted clean latents (Lu et al., 2022), of first order
/// at the first and the last step.
struct DPMSolverScheduler: Scheduler {
  private let schedule: MultistepSchedule
  private var previous: Tensor?
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
    defer { previous = clean }
    let width = schedule.logarithm(index + 1) - schedule.logarithm(index)
    let share = schedule.signal(index + 1) * (exp(-width) - 1)
    let first = sample * (schedule.deviation(index + 1) / schedule.deviation(index)) - clean * share
    guard let previous, index + 1 < timesteps.count else { return first }
    let before = schedule.logarithm(index) - schedule.logarithm(index - 1)
    return first - (clean - previous) * (0.5 * share * width / before)
  }

  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    schedule.addNoise(clean, noise: noise, at: timesteps)
  }
}
