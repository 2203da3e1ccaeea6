import JSON
import Models
import Tensors
import TestSupport
import Testing

/// Every chain of steps in the golden values. The tolerance, a few float32 roundings, is smaller than that of parity.
@Suite struct SchedulerGoldenTests {
  private static let tolerance: Float = 2e-6

  @Test func noiseLevelsOfTrainingAreThePublishedOnesToTheLastBit() throws {
    let golden = try Golden.tensors("schedulers.safetensors")
    let first = try JSONNode.read(Golden.path("schedulers.json"))["cases"][0]
    let configuration = try SchedulerConfiguration(first["config"])
    #expect(configuration.betas() == golden["betas"]?.values)
    #expect(configuration.alphasCumulative() == golden["alphas_cumprod"]?.values)
  }

  @Test(arguments: [
    "euler", "euler_karras", "euler_ancestral", "ddim", "ddim_eta", "ddpm", "dpmpp_2m", "dpmpp_2m_karras", "unipc",
    "lcm",
  ])
  func chainsOfStepsEqualTheGoldenOnes(name: String) throws {
    let golden = try Golden.tensors("schedulers.safetensors")
    let cases = try JSONNode.read(Golden.path("schedulers.json"))["cases"].array()
      .filter { try $0["name"].string().hasPrefix(name + "/") }
    #expect(cases.count >= 6)
    for item in cases {
      let key = try item["name"].string()
      func tensor(_ part: String) throws -> Tensor { try #require(golden[key + "." + part], "\(key).\(part)") }
      var configuration = try SchedulerConfiguration(item["config"])
      configuration.eta = try item["eta"].float()
      var scheduler = try SchedulerKind.named(item["class"].string())
        .make(configuration: configuration, steps: item["steps"].int())
      let sigma = try item["init_noise_sigma"].float()
      #expect((scheduler.initialNoiseSigma / sigma - 1).magnitude < Self.tolerance, "\(key)")
      let timesteps = Tensor(scheduler.timesteps, shape: [scheduler.timesteps.count])
      #expect(timesteps.isClose(to: try tensor("timesteps"), relative: 1e-7), "\(key)")
      if let sigmas = golden[key + ".sigmas"] {
        let levels = scheduler.timesteps.indices.map { scheduler.noiseLevel(at: $0) } + [0]
        #expect(Tensor(levels, shape: [levels.count]).isClose(to: sigmas, relative: Self.tolerance), "\(key)")
      }
      try walk(&scheduler, key, golden, noisy: item["uses_noise"].array().map { try $0.bool() })
      let noised = scheduler.addNoise(
        try #require(golden["add_noise.clean"]), noise: try #require(golden["add_noise.noise"]),
        at: try tensor("add_noise_t").values)
      #expect(noised.isClose(to: try tensor("add_noise"), relative: Self.tolerance), "\(key)")
    }
  }

  /// Takes all steps of one case. Noise must be drawn in exactly those steps in which the published scheduler draws it.
  private func walk(
    _ scheduler: inout any Scheduler, _ key: String, _ golden: [String: Tensor], noisy: [Bool]
  ) throws {
    let outputs = try #require(golden["model_outputs"])
    let noise = try #require(golden["noise"])
    let samples = try #require(golden[key + ".samples"])
    let scaled = try #require(golden[key + ".scaled"])
    func row(_ tensor: Tensor, _ index: Int) -> Tensor {
      tensor.sliced(axis: 0, index..<index + 1).reshaped(Array(tensor.shape.dropFirst()))
    }
    var sample = try #require(golden["init_sample"]) * scheduler.initialNoiseSigma
    for index in scheduler.timesteps.indices {
      #expect(
        scheduler.scaled(sample, at: index).isClose(to: row(scaled, index), relative: Self.tolerance),
        "\(key), step \(index)")
      var draws = 0
      sample = scheduler.step(
        row(outputs, index), at: index, sample: sample,
        noise: {
          draws += 1
          return row(noise, index)
        }, original: nil)
      #expect(draws == (noisy[index] ? 1 : 0), "\(key), step \(index)")
      #expect(sample.isClose(to: row(samples, index), relative: Self.tolerance), "\(key), step \(index)")
    }
  }
}
