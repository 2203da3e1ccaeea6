import Foundation
import Tensors

/// Which timesteps of training a run visits, and the noise levels σ = √((1 − ᾱ)/ᾱ) there.
struct NoiseLevels: Sendable {
  /// ᾱ of every training step.
  let alphas: [Float]
  /// σ of every training step.
  let levels: [Double]

  init(_ configuration: SchedulerConfiguration) {
    alphas = configuration.alphasCumulative()
    levels = alphas.map { Double(((1 - $0) / $0).squareRoot()) }
  }

  /// Timesteps in falling order.
  /// - Parameter extra: 1 for the multistep solvers, which divide training into one part more and leave the last out.
  static func timesteps(
    _ configuration: SchedulerConfiguration, steps: Int, fallback: SchedulerConfiguration.Spacing, extra: Int = 0,
    rounds: Bool
  ) -> [Double] {
    let count = configuration.trainingSteps
    let parts = steps + extra
    switch configuration.spacing ?? fallback {
    case .linspace:
      let step = parts > 1 ? Double(count - 1) / Double(parts - 1) : 0
      let rising = (0..<parts).map { Double($0) * step }
      return (rounds ? rising.map { $0.rounded(.toNearestOrEven) } : rising).reversed().prefix(steps).map { $0 }
    case .leading:
      let step = count / parts
      return (0..<parts).reversed().prefix(steps).map { Double($0 * step + configuration.stepsOffset) }
    case .trailing:
      // The distance as NumPy's arange takes it, from the first two values: it decides where halves are rounded to.
      let step = Double(count) - (Double(count) - Double(count) / Double(steps))
      return (0..<steps).map { (Double(count) - Double($0) * step).rounded(.toNearestOrEven) - 1 }
    }
  }

  /// σ at fractional timesteps, by straight lines between those of training.
  func level(at timestep: Double) -> Double {
    let last = Double(levels.count - 1)
    let place = min(max(timestep, 0), last)
    let low = min(Int(place), levels.count - 2)
    return levels[low] + (levels[low + 1] - levels[low]) * (place - Double(low))
  }

  /// The fractional timestep of a noise level, by straight lines between logarithms.
  func timestep(of level: Double) -> Double {
    let wanted = log(max(level, 1e-10))
    let low = min(max((levels.firstIndex { log($0) > wanted } ?? levels.count) - 1, 0), levels.count - 2)
    let (below, above) = (log(levels[low]), log(levels[low + 1]))
    let share = min(max((below - wanted) / (below - above), 0), 1)
    return (1 - share) * Double(low) + share * Double(low + 1)
  }

  /// Levels from `high` to `low` as Karras et al. (2022) space them, ρ = 7.
  static func karras(from high: Double, to low: Double, steps: Int) -> [Double] {
    let (first, last) = (pow(high, 1 / 7), pow(low, 1 / 7))
    return (0..<steps).map { step in
      let place = steps > 1 ? Double(step) / Double(steps - 1) : 0
      return pow(first + place * (last - first), 7)
    }
  }

  /// √ᾱ·clean + √(1 − ᾱ)·noise, with one training step a row.
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor {
    let kept = timesteps.map { alphas[min(max(Int($0), 0), alphas.count - 1)] }
    let shape = [kept.count] + [Int](repeating: 1, count: clean.rank - 1)
    return clean * Tensor(kept.map { $0.squareRoot() }, shape: shape)
      + noise * Tensor(kept.map { (1 - $0).squareRoot() }, shape: shape)
  }
}

extension SchedulerConfiguration.Prediction {
  /// Clean latents from the network's output, where the sample is signal·clean + deviation·noise and
  /// signal² + deviation² = 1.
  func original(_ output: Tensor, sample: Tensor, signal: Float, deviation: Float) -> Tensor {
    switch self {
    case .epsilon: (sample - output * deviation) / signal
    case .vPrediction: sample * signal - output * deviation
    }
  }

  /// The noise that the network's output amounts to.
  func noise(_ output: Tensor, sample: Tensor, signal: Float, deviation: Float) -> Tensor {
    switch self {
    case .epsilon: output
    case .vPrediction: output * signal + sample * deviation
    }
  }

  /// The output that would amount to given clean latents.
  func output(for original: Tensor, sample: Tensor, signal: Float, deviation: Float) -> Tensor {
    switch self {
    case .epsilon: (sample - original * signal) / deviation
    case .vPrediction: (sample * signal - original) / deviation
    }
  }
}

extension [Float] {
  /// Where a schedule has a timestep, or the one nearest to it; of equal ones the second, as published.
  func place(of timestep: Float) -> Int {
    let nearest = map { ($0 - timestep).magnitude }.min() ?? 0
    let places = indices.filter { (self[$0] - timestep).magnitude == nearest }
    guard let place = places.dropFirst().first ?? places.first else { fail("place: the schedule has no timesteps") }
    return place
  }
}
