import Tensors

/// The timesteps of a run, and how latents mix signal and noise at each timestep. Schedulers of one family share it.
protocol StepSchedule: Sendable {
  var timesteps: [Float] { get }
  var initialNoiseSigma: Float { get }
  func noiseLevel(at index: Int) -> Float
  func scaled(_ sample: Tensor, at index: Int) -> Tensor
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor
}

/// A scheduler that delegates everything but its step to a schedule.
protocol ScheduleFollower: Scheduler {
  associatedtype Schedule: StepSchedule
  var schedule: Schedule { get }
}

extension ScheduleFollower {
  var timesteps: [Float] { schedule.timesteps }
  var initialNoiseSigma: Float { schedule.initialNoiseSigma }
  func noiseLevel(at index: Int) -> Float { schedule.noiseLevel(at: index) }
  func scaled(_ sample: Tensor, at index: Int) -> Tensor { schedule.scaled(sample, at: index) }
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    schedule.original(output, at: index, sample: sample)
  }
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    schedule.addNoise(clean, noise: noise, at: timesteps)
  }
}

extension [Float] {
  /// The index of the nearest timestep. If several are equally near, the index of the second one of them, as published.
  func nearestIndex(to timestep: Float) -> Int {
    let distance = map { ($0 - timestep).magnitude }.min() ?? 0
    let nearest = indices.filter { (self[$0] - timestep).magnitude == distance }
    guard let index = nearest.dropFirst().first ?? nearest.first else {
      fail("nearestIndex: the schedule has no timesteps")
    }
    return index
  }

  /// These factors, one per batch row, as a tensor that can be multiplied with a batch of this rank.
  func perRow(rank: Int) -> Tensor { Tensor(self, shape: [count] + [Int](repeating: 1, count: rank - 1)) }
}
