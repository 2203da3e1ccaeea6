import Tensors

/// Latent consistency models (Luo et al., 2023): every step predicts clean latents and adds noise up to the next noise
/// level, as in Algorithm 1 of Song et al. (2023, "Consistency Models").
struct LCMScheduler: ScheduleFollower {
  static let name = "lcm"
  static let className = "LCMScheduler"
  static let options: Set<SchedulerOption> = [.clipping, .originalSteps]
  static var defaults: SchedulerConfiguration {
    var configuration = SchedulerConfiguration()
    (configuration.betaStart, configuration.betaEnd) = (0.00085, 0.012)
    configuration.betaSchedule = .scaledLinear
    return configuration
  }
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { configuration.originalSteps }

  let schedule: TrainingSchedule

  /// Timesteps are selected among the timesteps over which the model was distilled.
  init(_ configuration: SchedulerConfiguration, steps: Int) {
    let original = configuration.originalSteps
    let distance = configuration.trainingSteps / original
    let falling = (1...original).reversed().map { $0 * distance - 1 }
    let part = Double(original) / Double(steps)
    schedule = TrainingSchedule(configuration, timesteps: (0..<steps).map { falling[Int(Double($0) * part)] })
  }

  /// The consistency function f = c_skip(t)·x + c_out(t)·x̂₀ returns the sample itself at t = 0: with τ = 10·t and
  /// σ_data = ½, c_skip = σ_data²/(τ² + σ_data²) and c_out = τ/√(τ² + σ_data²).
  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let clean = original ?? self.original(output, at: index, sample: sample)
    let tau = timesteps[index] * 10
    let skip = 0.25 / (tau * tau + 0.25)
    let out = tau / (tau * tau + 0.25).squareRoot()
    let denoised = clean * out + sample * skip
    guard index + 1 < timesteps.count else { return denoised }
    let next = schedule.alphaBar(at: index + 1)
    return denoised * next.squareRoot() + noise() * (1 - next).squareRoot()
  }
}

extension SchedulerKind {
  public static let lcm = SchedulerKind(LCMScheduler.self)
}
