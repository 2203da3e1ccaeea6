import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

/// Cases that the golden values do not cover: linspace spacing, one step, refusals, replaced predictions.
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
    // Between two training timesteps the noise level is interpolated linearly.
    let alphas = linspace.alphasCumulative().map { Double((1 - $0) / $0).squareRoot() }
    #expect(abs(Double(euler.noiseLevel(at: 1)) - (alphas[749] * 0.75 + alphas[750] * 0.25)) < 1e-5)
    #expect(try SchedulerKind.ddim.make(configuration: linspace, steps: 5).timesteps == [999, 749, 500, 250, 0])
    #expect(try SchedulerKind.ddpm.make(configuration: linspace, steps: 3).timesteps == [999, 500, 0])
    // The multistep solvers space out one timestep more than asked for, and leave out the last one.
    #expect(try SchedulerKind.dpmSolver.make(configuration: linspace, steps: 4).timesteps == [999, 749, 500, 250])
    #expect(try SchedulerKind.uniPC.make(configuration: linspace, steps: 4).timesteps == [999, 749, 500, 250])
  }

  /// Compares with the closed form of ᾱ, which is the product of 1 − β over all steps so far.
  @Test func squaredCosineFollowsItsFormula() throws {
    let configuration = try configuration(#"{"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing"}"#)
    let (betas, alphas) = (configuration.betas(), configuration.alphasCumulative())
    for (step, beta) in [(0, 4.1284e-05), (500, 0.0031557), (750, 0.0075791), (998, 0.75), (999, 0.999)] {
      #expect(abs(Double(betas[step]) - beta) < 1e-4 * beta)
    }
    func cosine(_ time: Double) -> Double { cos((time + 0.008) / 1.008 * .pi / 2) }
    for step in [0, 1, 250, 500, 750, 990] {
      let expected = cosine(Double(step + 1) / 1000) / cosine(0)
      #expect(abs(Double(alphas[step]) - expected * expected) < 1e-5)
    }
    // The first step starts from nearly pure noise.
    let euler = try SchedulerKind.euler.make(configuration: configuration, steps: 20)
    #expect(euler.noiseLevel(at: 0) > 1000 && euler.noiseLevel(at: 1) < 20)
  }

  /// Some of 48 timesteps lie exactly between two integers; NumPy's arange computes them slightly above or below.
  @Test func trailingRoundsHalvesAsPublished() throws {
    let trailing = try configuration(#"{"timestep_spacing": "trailing"}"#)
    let timesteps = try SchedulerKind.ddim.make(configuration: trailing, steps: 48).timesteps
    #expect(
      timesteps.map { Int($0) } == [
        999, 978, 957, 936, 916, 895, 874, 853, 832, 811, 791, 770, 749, 728, 707, 686, 666, 645, 624, 603, 582,
        561, 541, 520, 499, 478, 457, 436, 416, 395, 374, 353, 332, 311, 291, 270, 249, 228, 207, 186, 166, 145,
        124, 103, 82, 61, 41, 20,
      ])
  }

  @Test func consistencyModelsSpreadTheirStepsAsPublished() throws {
    let thirty = try configuration(#"{"original_inference_steps": 30}"#)
    let timesteps = try SchedulerKind.lcm.make(configuration: thirty, steps: 22).timesteps
    #expect(
      timesteps.map { Int($0) } == [
        989, 956, 923, 857, 824, 791, 725, 692, 659, 593, 560, 527, 461, 428, 362, 329, 296, 230, 197, 164, 98,
        65,
      ])
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

  @Test func replacedCleanLatentsComeOutAtTheEnd() throws {
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
    #"{"prediction_type": "sample"}"#, #"{"beta_schedule": "sigmoid"}"#, #"{"timestep_spacing": "other"}"#,
    #"{"rescale_betas_zero_snr": true}"#, #"{"final_sigmas_type": "sigma_min"}"#, #"{"solver_order": 3}"#,
    #"{"algorithm_type": "sde-dpmsolver++"}"#, #"{"num_train_timesteps": 0}"#, #"{"beta_start": 2}"#,
    #"{"thresholding": true}"#, #"{"solver_type": "heun"}"#, #"{"trained_betas": [0.1, 0.2]}"#,
    #"{"sigma_max": 80}"#, #"{"disable_corrector": [0]}"#, #"{"lambda_min_clipped": -1}"#,
  ])
  func optionsThatAreNotSupportedAreRefusedByName(text: String) {
    #expect(throws: SchedulerError.self) { try configuration(text) }
  }

  /// An option that only some classes read stops only their schedulers, if the file names its class.
  @Test func optionsOfOtherClassesStopOnlyTheirSchedulers() throws {
    let solver = try configuration(
      #"{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++", "solver_order": 3}"#)
    for kind in SchedulerKind.allCases {
      if [.dpmSolver, .uniPC].contains(kind) {
        #expect(throws: SchedulerError.self) { try kind.make(configuration: solver, steps: 4) }
      } else {
        _ = try kind.make(configuration: solver, steps: 4)
      }
    }
    let zero = try configuration(#"{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true}"#)
    #expect(throws: SchedulerError.self) { try SchedulerKind.ddim.make(configuration: zero, steps: 4) }
    #expect(throws: SchedulerError.self) { try SchedulerKind.euler.make(configuration: zero, steps: 4) }
  }

  @Test func refusalsNameTheOptionWhatWasFoundAndWhatIsSupported() throws {
    let error = try #require(throws: SchedulerError.self) { try configuration(#"{"solver_type": "heun"}"#) }
    #expect(
      "\(error)" == #"scheduler_config.json: solver_type is "heun", supported: "midpoint", "bh2""#)
  }

  @Test func optionsThatChangeNothingAreAccepted() throws {
    _ = try configuration(
      #"""
      {"clip_sample_range": 1, "timestep_scaling": 10.0, "solver_order": 2.0, "trained_betas": null,
       "disable_corrector": [], "euler_at_final": true, "solver_type": "bh2", "sigma_min": null}
      """#)
  }

  @Test func defaultsAreThoseOfTheNamedClass() throws {
    let consistency = try configuration(#"{"_class_name": "LCMScheduler"}"#)
    #expect(consistency.betaSchedule == .scaledLinear)
    #expect(consistency.betaStart == 0.00085)
    #expect(consistency.betaEnd == 0.012)
    #expect(!consistency.clipsSample)
    let plain = try configuration(#"{"_class_name": "DDIMScheduler"}"#)
    #expect(plain.betaSchedule == .linear)
    #expect(plain.betaEnd == 0.02)
    #expect(plain.clipsSample)
  }

  @Test(arguments: [SchedulerKind.ddim, .ddpm])
  func timestepsBeyondTrainingAreRefused(kind: SchedulerKind) throws {
    let offset = try configuration(#"{"timestep_spacing": "leading", "steps_offset": 1}"#)
    let error = try #require(throws: SchedulerError.self) { try kind.make(configuration: offset, steps: 1000) }
    #expect("\(error)".contains("timestep 1000"))
    #expect(try kind.make(configuration: offset, steps: 500).timesteps.first == 999)
  }

  /// The options that a scheduler declares are those that change its results.
  @Test(arguments: SchedulerKind.allCases)
  func declaredOptionsAreThoseThatChangeResults(kind: SchedulerKind) throws {
    let changes: [(SchedulerOption, (inout SchedulerConfiguration) -> Void)] = [
      (.karrasSigmas, { $0.usesKarrasSigmas = true }), (.spacing, { $0.spacing = .trailing }),
      (.clipping, { $0.clipsSample = true }), (.finalAlpha, { $0.setsFinalAlphaToOne = false }),
      (.originalSteps, { $0.originalSteps = 40 }), (.rungeKutta, { $0.skipsRungeKutta = false }),
    ]
    #expect(Set(changes.map(\.0)) == Set(SchedulerOption.allCases))
    for (option, change) in changes {
      var (plain, changed) = (SchedulerConfiguration(), SchedulerConfiguration())
      change(&changed)
      let results = try [plain, changed].map { try trajectory(of: kind.make(configuration: $0, steps: 4)) }
      #expect((results[0] != results[1]) == kind.options.contains(option), "\(kind), \(option)")
      // Karras's levels are refused rather than ignored in a configuration of the scheduler's own class.
      (plain.className, changed.className) = (kind.className, kind.className)
      guard option == .karrasSigmas, !kind.options.contains(option) else { continue }
      #expect(throws: SchedulerError.self) { try kind.make(configuration: changed, steps: 4) }
    }
  }

  /// The timesteps of a run with fixed outputs and noise, and its latents after each step.
  private func trajectory(of scheduler: any Scheduler) -> [Tensor] {
    var (scheduler, numbers) = (scheduler, TestNumbers(5))
    var sample = numbers.tensor([2, 3], in: -3...3)
    return [Tensor(scheduler.timesteps, shape: [scheduler.timesteps.count])]
      + scheduler.timesteps.indices.map { index in
        let (output, noise) = (numbers.tensor([2, 3], in: -1...1), numbers.tensor([2, 3], in: -1...1))
        sample = scheduler.step(output, at: index, sample: sample, noise: { noise }, original: nil)
        return sample
      }
  }

  @Test func namesAreUniqueAndIdentifyTheScheduler() throws {
    #expect(Set(SchedulerKind.allCases).count == SchedulerKind.allCases.count)
    #expect(Set(SchedulerKind.allCases.map(\.className)).count == SchedulerKind.allCases.count)
    for kind in SchedulerKind.allCases {
      #expect(try SchedulerKind.named(kind.name) == kind)
      #expect(try SchedulerKind.named(kind.className) == kind)
    }
    #expect(
      SchedulerKind.allCases.map(\.name)
        == ["euler", "euler_ancestral", "ddim", "ddpm", "dpmpp_2m", "unipc", "lcm", "pndm"])
  }

  @Test func aSchedulerFromOutsideIsUsedLikeTheOthers() throws {
    let kind = SchedulerKind(StandingStill.self)
    #expect(kind.name == "still" && kind != .euler && !SchedulerKind.allCases.contains(kind))
    var scheduler = try kind.make(configuration: SchedulerConfiguration(), steps: 3)
    let sample = Tensor([1, 2], shape: [2])
    #expect(scheduler.step(.zeros([2]), at: 0, sample: sample, noise: { .ones([2]) }, original: nil) == sample)
    #expect(throws: SchedulerError.steps(found: 6, limit: 5, scheduler: "still")) {
      try kind.make(configuration: SchedulerConfiguration(), steps: 6)
    }
    #expect(throws: SchedulerError.self) { try SchedulerKind.named("still") }
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

/// A scheduler that a user of the package might write.
private struct StandingStill: Scheduler {
  static let name = "still"
  static let className = "StandingStill"
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { 5 }

  let timesteps: [Float]
  let initialNoiseSigma: Float = 1

  init(_ configuration: SchedulerConfiguration, steps: Int) { timesteps = [Float](repeating: 0, count: steps) }

  func noiseLevel(at index: Int) -> Float { 0 }
  func scaled(_ sample: Tensor, at index: Int) -> Tensor { sample }
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor { sample }
  mutating func step(_ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?) -> Tensor
  { sample }
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor { clean }
}
