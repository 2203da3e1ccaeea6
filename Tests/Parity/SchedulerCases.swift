import Foundation
import JSON
import Models
import Tensors

extension ParityFolder {
  /// `schedulers.safetensors` with `schedulers.json`: chains of steps over given network outputs and noise.
  func schedulers() throws {
    let file = try GoldenFile(path, "schedulers.safetensors")
    let (outputs, noise) = (try file.tensor("model_outputs"), try file.tensor("noise"))
    let initial = try file.tensor("init_sample")
    let (clean, cleanNoise) = (try file.tensor("add_noise.clean"), try file.tensor("add_noise.noise"))
    let cases = try json("schedulers.json")["cases"].array()
    if let first = cases.first {
      let configuration = try SchedulerConfiguration(first["config"])
      for (key, numbers) in [("betas", configuration.betas()), ("alphas_cumprod", configuration.alphasCumulative())]
      where file.has(key) {
        report.compare(
          "schedulers: \(key)", Tensor(numbers, shape: [numbers.count]), with: try file.tensor(key), .relative(1e-6))
      }
    }
    for item in cases {
      let name = try item["name"].string()
      attemptScheduler(name, item, file) { scheduler, uses in
        var samples: [Tensor] = []
        var scaled: [Tensor] = []
        var sample = initial * scheduler.initialNoiseSigma
        var drew: [Int] = []
        for index in scheduler.timesteps.indices {
          scaled.append(scheduler.scaled(sample, at: index))
          sample = scheduler.step(
            row(outputs, index), at: index, sample: sample,
            noise: {
              drew.append(index)
              return row(noise, index)
            }, original: nil)
          samples.append(sample)
        }
        report.compare("\(name): scaled", .stacked(scaled, axis: 0), with: try file.tensor(name + ".scaled"))
        report.compare("\(name): samples", .stacked(samples, axis: 0), with: try file.tensor(name + ".samples"))
        report.compare("\(name): steps with noise", drew, with: uses.indices.filter { uses[$0] })
        let times = try file.tensor(name + ".add_noise_t").values
        report.compare(
          "\(name): add_noise", scheduler.addNoise(clean, noise: cleanNoise, at: times),
          with: try file.tensor(name + ".add_noise"))
      }
    }
    file.finish(report)
  }

  /// Makes the scheduler for a case and compares its state before the first step. Then calls `body` once, with the
  /// scheduler and a list that says for each step whether it draws noise.
  private func attemptScheduler(
    _ name: String, _ item: JSONNode, _ file: GoldenFile, _ body: (inout any Scheduler, [Bool]) throws -> Void
  ) {
    attempt(name) {
      var configuration = try SchedulerConfiguration(item["config"])
      configuration.eta = Float(try item["eta"].double(or: 0))
      let kind = try SchedulerKind.named(item["class"].string())
      var scheduler = try kind.make(configuration: configuration, steps: item["steps"].int())
      report.compare(
        "\(name): timesteps", Tensor(scheduler.timesteps, shape: [scheduler.timesteps.count]),
        with: try file.tensor(name + ".timesteps"), .relative(1e-6))
      report.compare(
        "\(name): initial standard deviation", [Double(scheduler.initialNoiseSigma)],
        with: [try item["init_noise_sigma"].double()], .relative(1e-6))
      if file.has(name + ".sigmas") {
        let levels = scheduler.timesteps.indices.map { scheduler.noiseLevel(at: $0) } + [0]
        report.compare(
          "\(name): sigmas", Tensor(levels, shape: [levels.count]), with: try file.tensor(name + ".sigmas"),
          .relative(1e-5))
      }
      try body(&scheduler, try item["uses_noise"].array().map { try $0.bool() })
    }
  }

  private func row(_ tensor: Tensor, _ index: Int) -> Tensor {
    tensor.sliced(axis: 0, index..<index + 1).reshaped(Array(tensor.shape.dropFirst()))
  }
}
