import Tensors

/// Pseudo numerical methods for diffusion models (Liu et al., 2022), in the two forms that are published: three steps
/// of the Runge-Kutta method, each with four network calls, then linear multistep (Algorithm 2 of the paper); or linear
/// multistep alone with a second network call for the first step, as Stable Diffusion 1.x uses it (PLMS).
///
/// Each network call counts as one step of the run, so a run has 9 more steps than were asked for, or 1 more with PLMS.
struct PNDMScheduler: ScheduleFollower {
  static let name = "pndm"
  static let className = "PNDMScheduler"
  static let options: Set<SchedulerOption> = [.spacing, .finalAlpha, .rungeKutta]
  static var defaults: SchedulerConfiguration {
    var configuration = SchedulerConfiguration()
    (configuration.setsFinalAlphaToOne, configuration.skipsRungeKutta) = (false, false)
    return configuration
  }

  let schedule: TrainingSchedule
  private let configuration: SchedulerConfiguration
  /// Number of training timesteps between two steps.
  private let distance: Int
  /// Number of network calls for the Runge-Kutta method.
  private let rungeKuttaCalls: Int
  /// The outputs of the last network calls that multistep combines, at most four, the latest last.
  private var outputs: [Tensor] = []
  /// The weighted sum of the outputs so far within one step of the Runge-Kutta method.
  private var sum: Tensor?
  /// The latents that the current step started from.
  private var start: Tensor?

  init(_ configuration: SchedulerConfiguration, steps: Int) throws {
    // The published scheduler does not clamp the predicted clean latents.
    var plain = configuration
    plain.clipsSample = false
    let chosen = try TrainingSchedule(plain, steps: steps, of: Self.self).timesteps.map { Int($0) }
    distance = configuration.trainingSteps / steps
    self.configuration = plain
    if configuration.skipsRungeKutta {
      rungeKuttaCalls = 0
      schedule = TrainingSchedule(plain, timesteps: Array(chosen.prefix(2)) + chosen.dropFirst())
      return
    }
    guard steps >= 4 else {
      throw SchedulerError.unsupported(
        option: "skip_prk_steps of \(Self.name) with \(steps) steps", found: "false",
        supported: "at least 4 steps, or skip_prk_steps true")
    }
    // A step from tᵢ to tᵢ₊₁ calls the network at tᵢ, twice at the middle, and at tᵢ₊₁.
    let half = distance / 2
    var calls = [chosen[0]]
    for timestep in chosen[1...3] { calls += [timestep + half, timestep + half, timestep, timestep] }
    calls.removeLast()
    rungeKuttaCalls = calls.count
    schedule = TrainingSchedule(plain, timesteps: calls + chosen.dropFirst(3))
  }

  mutating func step(
    _ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?
  ) -> Tensor {
    let alphaBar = schedule.alphaBar(at: index)
    let output =
      original.map {
        configuration.prediction.output(
          for: $0, sample: sample, alpha: alphaBar.squareRoot(), sigma: (1 - alphaBar).squareRoot())
      } ?? output
    return index < rungeKuttaCalls
      ? rungeKutta(output, at: index, sample: sample) : multistep(output, at: index, sample: sample)
  }

  /// One of a step's four calls: at the start, twice at the middle and at the end. Their outputs are weighted ⅙, ⅓, ⅓
  /// and ⅙ (Eq. 13).
  private mutating func rungeKutta(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    let end = schedule.t(index) - (index % 2 == 0 ? distance / 2 : 0)
    let from = schedule.t(index / 4 * 4)
    var combined = output
    switch index % 4 {
    case 0:
      outputs.append(output)
      (sum, start) = (output * (1 / 6), sample)
    case 1, 2: sum = sum.map { $0 + output * (1 / 3) }
    default:
      combined = sum.map { $0 + output * (1 / 6) } ?? output
      sum = nil
    }
    return transferred(start ?? sample, from: from, to: end, combined)
  }

  /// A step with a linear combination of the last outputs (Eq. 12). Without the Runge-Kutta method, the first step is
  /// taken twice: the second time with the mean of the outputs at its start and at its end.
  private mutating func multistep(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor {
    let t = schedule.t(index)
    if rungeKuttaCalls == 0, index == 1 {
      return transferred(start ?? sample, from: t + distance, to: t, (output + outputs[0]) * 0.5)
    }
    outputs = outputs.suffix(3) + [output]
    start = sample
    let e = Array(outputs.reversed())
    let combined =
      switch e.count {
      case 1: e[0]
      case 2: (e[0] * 3 - e[1]) * (1 / 2)
      case 3: (e[0] * 23 - e[1] * 16 + e[2] * 5) * (1 / 12)
      default: (e[0] * 55 - e[1] * 59 + e[2] * 37 - e[3] * 9) * (1 / 24)
      }
    return transferred(sample, from: t, to: t - distance, combined)
  }

  /// The transfer of Eq. 9 of the paper from t to s:
  /// x_s = √(ᾱ_s/ᾱ_t)·x_t − (ᾱ_s − ᾱ_t)·ε̂ / (ᾱ_t·√(1 − ᾱ_s) + √(ᾱ_t·(1 − ᾱ_t)·ᾱ_s)).
  private func transferred(_ sample: Tensor, from t: Int, to s: Int, _ output: Tensor) -> Tensor {
    let (alpha, next) = (alphaBar(t), alphaBar(s))
    let epsilon = configuration.prediction.noise(
      output, sample: sample, alpha: alpha.squareRoot(), sigma: (1 - alpha).squareRoot())
    let denominator = alpha * (1 - next).squareRoot() + (alpha * (1 - alpha) * next).squareRoot()
    return sample * (next / alpha).squareRoot() - epsilon * ((next - alpha) / denominator)
  }

  /// ᾱ of a training timestep. Below 0 it is the final ᾱ: 1, or ᾱ of timestep 0.
  private func alphaBar(_ t: Int) -> Float {
    let alphaBars = schedule.noise.alphaBars
    if t >= 0 { return alphaBars[min(t, alphaBars.count - 1)] }
    return configuration.setsFinalAlphaToOne ? 1 : alphaBars[0]
  }
}

extension SchedulerKind {
  /// Pseudo numerical methods, the scheduler of Stable Diffusion 1.x.
  public static let pndm = SchedulerKind(PNDMScheduler.self)
}
