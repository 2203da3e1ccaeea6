import JSON
import Models
import Tensors
import TestSupport
import Testing

/// What no golden case covers: linspace spacing, one step, refusals, replaced predictions.
@Suite struct SchedulerTests {
  private func configuration(_ text: String) throws -> SchedulerConfiguration {
    try SchedulerConfiguration(
      JSONNode(JSONValue.parse(text, name: "scheduler_config.json"), name: "scheduler_config.json"))
  }

  @Test func linspaceFollowsItsFormula() throws {
    let linspace = try configuration(#"{"timestep_spacing": "linspace", "beta_schedule": "scaled_linear"}"#)
    let euler = try SchedulerKind.euler.make(configuration: linspace, steps: 5)
    #expect(euler.timesteps == [999, 749.25, 499.5, 249.75, 0])
    #expect(euler.initialNoiseSigma == euler.noiseLevel(at: 0))
    // Between two timesteps of training the level lies on the straight line between theirs.
    let alphas = linspace.alphasCumulative().map { Double((1 - $0) / $0).squareRoot() }
    #expect(abs(Double(euler.noiseLevel(at: 1)) - (alphas[749] * 0.75 + alphas[750] * 0.25)) < 1e-5)
    #expect(try SchedulerKind.ddim.make(configuration: linspace, steps: 5).timesteps == [999, 749, 500, 250, 0])
    #expect(try SchedulerKind.ddpm.make(configuration: linspace, steps: 3).timesteps == [999, 500, 0])
    // The multistep solvers leave out the last of one timestep more.
    #expect(try SchedulerKind.dpmSolver.make(configuration: linspace, steps: 4).timesteps == [999, 749, 500, 250])
    #expect(try SchedulerKind.uniPC.make(configuration: linspace, steps: 4).timesteps == [999, 749, 500, 250])
  }

  @Test(arguments: SchedulerKind.allCases)
  func oneStepIsEnough(kind: SchedulerKind) throws {
    var scheduler = try kind.make(configuration: configuration(#"{"timestep_spacing": "trailing"}"#), steps: 1)
    var numbers = TestNumbers(1)
    let (sample, output) = (numbers.tensor([1, 4, 3, 2], in: -1...1), numbers.tensor([1, 4, 3, 2], in: -1...1))
    let result = scheduler.step(output, at: 0, sample: sample, noise: { .zeros([1, 4, 3, 2]) }, original: nil)
    #expect(result.isFinite)
    #expect(scheduler.timesteps.count == 1)
  }

  @Test(arguments: SchedulerKind.allCases, ["epsilon", "v_prediction"])
  func replacingAPredictionByItselfChangesNothing(kind: SchedulerKind, prediction: String) throws {
    let configuration = try configuration(#"{"beta_schedule": "scaled_linear", "prediction_type": "\#(prediction)"}"#)
    var (one, other) = (
      try kind.make(configuration: configuration, steps: 4), try kind.make(configuration: configuration, steps: 4)
    )
    var numbers = TestNumbers(2)
    var (a, b) = (numbers.tensor([2, 3], in: -1...1), Tensor.zeros([2, 3]))
    b = a
    for index in 0..<4 {
      let (output, noise) = (numbers.tensor([2, 3], in: -1...1), numbers.tensor([2, 3], in: -1...1))
      let clean = other.original(output, at: index, sample: b)
      a = one.step(output, at: index, sample: a, noise: { noise }, original: nil)
      b = other.step(output, at: index, sample: b, noise: { noise }, original: clean)
      #expect(b.isClose(to: a, relative: 1e-4))
    }
  }

  @Test func cleanLatentsPutInComeOutAtTheEnd() throws {
    var numbers = TestNumbers(3)
    let wanted = numbers.tensor([2, 3], in: -1...1)
    for kind in [SchedulerKind.euler, .eulerAncestral, .ddpm, .dpmSolver, .uniPC] {
      var scheduler = try kind.make(configuration: configuration(#"{"beta_schedule": "scaled_linear"}"#), steps: 6)
      var sample = numbers.tensor([2, 3], in: -1...1) * scheduler.initialNoiseSigma
      for index in 0..<6 {
        sample = scheduler.step(
          .zeros([2, 3]), at: index, sample: sample, noise: { .zeros([2, 3]) }, original: wanted)
      }
      #expect(sample.isClose(to: wanted, absolute: 0.02), "\(kind)")
    }
  }

  @Test(arguments: [
    #"{"prediction_type": "sample"}"#, #"{"beta_schedule": "squaredcos_cap_v2"}"#, #"{"timestep_spacing": "other"}"#,
    #"{"rescale_betas_zero_snr": true}"#, #"{"final_sigmas_type": "sigma_min"}"#, #"{"solver_order": 3}"#,
    #"{"algorithm_type": "sde-dpmsolver++"}"#, #"{"num_train_timesteps": 0}"#, #"{"beta_start": 2}"#,
    #"{"thresholding": true}"#,
  ])
  func optionsThatAreNotSupportedAreRefusedByName(text: String) {
    #expect(throws: SchedulerError.self) { try configuration(text) }
  }

  @Test func stepsAndNamesAreChecked() throws {
    let plain = try configuration("{}")
    for kind in SchedulerKind.allCases {
      #expect(throws: SchedulerError.self) { try kind.make(configuration: plain, steps: 0) }
      #expect(throws: SchedulerError.self) { try kind.make(configuration: plain, steps: 1001) }
    }
    #expect(throws: SchedulerError.steps(found: 51, limit: 50, scheduler: "lcm")) {
      try SchedulerKind.lcm.make(configuration: plain, steps: 51)
    }
    #expect(try SchedulerKind.named("LCMScheduler") == .lcm)
    #expect(throws: SchedulerError.self) { try SchedulerKind.named("heun") }
  }
}
