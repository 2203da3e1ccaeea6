import Foundation
import Tensors

/// The noise levels of training, σ = √((1 − ᾱ)/ᾱ), and the training timesteps that a generation visits.
struct NoiseLevels: Sendable {
  /// ᾱ of every training timestep.
  let alphaBars: [Float]
  /// σ of every training timestep.
  let sigmas: [Double]

  init(_ configuration: SchedulerConfiguration) {
    alphaBars = configuration.alphasCumulative()
    sigmas = alphaBars.map { Double(((1 - $0) / $0).squareRoot()) }
  }

  /// The training timesteps that a generation visits, in descending order.
  /// - Parameters:
  ///   - fallback: the spacing if the configuration names none.
  ///   - extra: 1 for the multistep solvers. Their spacings leading and linspace select one timestep more than there
  ///     are steps, and omit the last one.
  ///   - rounds: whether timesteps of the spacing linspace are rounded to whole numbers.
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
      // NumPy's arange computes the distance from its first two values; this decides how halves are rounded.
      let step = Double(count) - (Double(count) - Double(count) / Double(steps))
      return (0..<steps).map { (Double(count) - Double($0) * step).rounded(.toNearestOrEven) - 1 }
    }
  }

  /// σ at a fractional timestep, interpolated linearly between neighbouring training timesteps.
  func sigma(at timestep: Double) -> Double {
    let last = Double(sigmas.count - 1)
    let position = min(max(timestep, 0), last)
    let low = min(Int(position), sigmas.count - 2)
    return sigmas[low] + (sigmas[low + 1] - sigmas[low]) * (position - Double(low))
  }

  /// The fractional timestep of a noise level, interpolated linearly in log σ between neighbouring training timesteps.
  func timestep(of sigma: Double) -> Double {
    let target = log(max(sigma, 1e-10))
    let low = min(max((sigmas.firstIndex { log($0) > target } ?? sigmas.count) - 1, 0), sigmas.count - 2)
    let (below, above) = (log(sigmas[low]), log(sigmas[low + 1]))
    let fraction = min(max((below - target) / (below - above), 0), 1)
    return (1 - fraction) * Double(low) + fraction * Double(low + 1)
  }

  /// Levels from σ_max to σ_min as in Eq. 5 of Karras et al. (2022):
  /// σᵢ = (σ_max^(1/ρ) + i/(N − 1)·(σ_min^(1/ρ) − σ_max^(1/ρ)))^ρ with ρ = 7.
  static func karras(from sigmaMax: Double, to sigmaMin: Double, steps: Int) -> [Double] {
    let (first, last) = (pow(sigmaMax, 1 / 7), pow(sigmaMin, 1 / 7))
    return (0..<steps).map { step in
      let fraction = steps > 1 ? Double(step) / Double(steps - 1) : 0
      return pow(first + fraction * (last - first), 7)
    }
  }
}

/// Converts between the network's output, clean latents and noise, where x = α·x₀ + σ·ε and α² + σ² = 1.
extension SchedulerConfiguration.Prediction {
  /// The clean latents x̂₀ that an output predicts.
  func original(_ output: Tensor, sample: Tensor, alpha: Float, sigma: Float) -> Tensor {
    switch self {
    case .epsilon: (sample - output * sigma) / alpha
    case .vPrediction: sample * alpha - output * sigma
    }
  }

  /// The noise ε̂ that an output predicts.
  func noise(_ output: Tensor, sample: Tensor, alpha: Float, sigma: Float) -> Tensor {
    switch self {
    case .epsilon: output
    case .vPrediction: output * alpha + sample * sigma
    }
  }

  /// The output that predicts the given clean latents.
  func output(for original: Tensor, sample: Tensor, alpha: Float, sigma: Float) -> Tensor {
    switch self {
    case .epsilon: (sample - original * alpha) / sigma
    case .vPrediction: (sample * alpha - original) / sigma
    }
  }
}
