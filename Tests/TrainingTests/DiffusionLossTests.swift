import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite struct DiffusionLossTests {
  private let clean, noise: Tensor
  private let timesteps = [0, 400, 999]

  init() {
    var numbers = TestNumbers(9)
    clean = numbers.tensor([3, 2, 4, 5], in: -1...1)
    noise = numbers.tensor([3, 2, 4, 5], in: -1...1)
  }

  private func schedule(_ prediction: SchedulerConfiguration.Prediction) -> NoiseSchedule {
    var configuration = SchedulerConfiguration()
    configuration.prediction = prediction
    return NoiseSchedule(configuration)
  }

  @Test func signalAndNoiseShareTheVariance() {
    let schedule = schedule(.epsilon)
    let noised = schedule.noised(clean, noise: noise, timesteps: timesteps)
    for (sample, timestep) in timesteps.enumerated() {
      let alpha = Double(schedule.alphas[timestep])
      let expected =
        alpha.squareRoot() * Double(clean[sample, 1, 2, 3]) + (1 - alpha).squareRoot() * Double(noise[sample, 1, 2, 3])
      #expect(abs(Double(noised[sample, 1, 2, 3]) - expected) < 1e-6)
    }
  }

  /// The velocity and the noised sample together determine the clean sample and the noise.
  @Test func velocityDeterminesCleanSampleAndNoise() {
    let schedule = schedule(.vPrediction)
    let noised = schedule.noised(clean, noise: noise, timesteps: timesteps)
    let velocity = schedule.target(clean: clean, noise: noise, timesteps: timesteps)
    let shape = [3, 1, 1, 1]
    let signal = Tensor(timesteps.map { schedule.alphas[$0].squareRoot() }, shape: shape)
    let sigma = Tensor(timesteps.map { (1 - schedule.alphas[$0]).squareRoot() }, shape: shape)
    #expect((noised * signal - velocity * sigma).isClose(to: clean, absolute: 1e-6))
    #expect((velocity * signal + noised * sigma).isClose(to: noise, absolute: 1e-6))
  }

  /// Whichever quantity is predicted, min-SNR weighting gives the error of the clean sample the weight min(SNR, γ).
  @Test func minSNRWeighsTheErrorOfTheCleanSample() {
    for prediction in SchedulerConfiguration.Prediction.allCases {
      let loss = DiffusionLoss(schedule(prediction), weighting: .minSNR(gamma: 5))
      for timestep in [0, 10, 100, 300, 500, 900, 999] {
        let alpha = Double(loss.schedule.alphas[timestep])
        let ratio = alpha / (1 - alpha)
        // An error of 1 in the clean sample is an error of √SNR in ε, and of 1 / √(1 − ᾱ) = √(SNR + 1) in v.
        let square = prediction == .epsilon ? ratio : ratio + 1
        let expected = min(ratio, 5)
        #expect(abs(Double(loss.weight(timestep: timestep)) * square - expected) < 1e-3 * expected)
      }
    }
  }

  @Test func lossesAreMeans() {
    var numbers = TestNumbers(10)
    let output = numbers.tensor([3, 2, 4, 5], in: -1...1)
    for weighting in [DiffusionLoss.Weighting.uniform, .minSNR(gamma: 5)] {
      let loss = DiffusionLoss(schedule(.epsilon), weighting: weighting)
      let found = loss(output, clean: clean, noise: noise, timesteps: timesteps)
      var expected = 0.0
      for sample in 0..<3 {
        let errors = zip(output.values, noise.values).map { Double($0 - $1) }[sample * 40..<(sample + 1) * 40]
        let mean = errors.reduce(0) { $0 + $1 * $1 } / 40
        expected += mean * Double(loss.weight(timestep: timesteps[sample])) / 3
      }
      #expect(found.shape == [] && abs(Double(found.item) - expected) < 1e-6 * expected)
    }
  }
}
