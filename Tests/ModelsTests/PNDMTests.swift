import JSON
import Models
import Tensors
import TestSupport
import Testing

/// PNDM against diffusers' PNDMScheduler. The network's outputs depend on the sample, so that any error grows from step
/// to step.
@Suite struct PNDMTests {
  private func make(_ options: [(String, JSONValue)], steps: Int) throws -> any Scheduler {
    let common: [(String, JSONValue)] = [
      ("_class_name", "PNDMScheduler"), ("beta_start", 0.00085), ("beta_end", 0.012),
      ("beta_schedule", "scaled_linear"),
    ]
    let configuration = try SchedulerConfiguration(JSONNode(.object(common + options), name: "scheduler_config.json"))
    return try SchedulerKind.named("PNDMScheduler").make(configuration: configuration, steps: steps)
  }

  private static let skip: (String, JSONValue) = ("skip_prk_steps", true)
  private static let offset: (String, JSONValue) = ("steps_offset", 1)

  @Test(
    arguments: [
      ([skip, offset], 5, [801, 601, 601, 401, 201, 1], [0.717554, -3.444788, 7.894418]),
      ([skip, offset], 1, [1], [0.493536, -0.996178, 1.996909]),
      ([skip, offset], 2, [501, 1, 1], [0.192698, -1.36114, 3.210152]),
      ([skip, ("set_alpha_to_one", true)], 6, [830, 664, 664, 498, 332, 166, 0], [0.417711, -3.680426, 8.783354]),
      (
        [skip, offset, ("prediction_type", "v_prediction")], 5, [801, 601, 601, 401, 201, 1],
        [0.156838, -0.587854, 1.312797]
      ),
      (
        [skip, ("timestep_spacing", "trailing")], 5, [999, 799, 799, 599, 399, 199], [0.835949, -8.109838, 19.438648]
      ),
      ([skip, ("timestep_spacing", "linspace")], 5, [999, 749, 749, 500, 250, 0], [1.004818, -5.476407, 12.686198]),
      ([], 4, [750, 625, 625, 500, 500, 375, 375, 250, 250, 125, 125, 0, 0], [0.481121, -2.78848, 6.490079]),
      (
        [], 7, [852, 781, 781, 710, 710, 639, 639, 568, 568, 497, 497, 426, 426, 284, 142, 0],
        [0.939667, -4.297472, 9.804014]
      ),
      (
        [("prediction_type", "v_prediction"), ("timestep_spacing", "trailing")], 5,
        [999, 899, 899, 799, 799, 699, 699, 599, 599, 499, 499, 399, 399, 199], [0.138236, -0.565613, 1.275796]
      ),
    ] as [([(String, JSONValue)], Int, [Float], [Float])])
  func chainsEqualDiffusers(options: [(String, JSONValue)], steps: Int, timesteps: [Float], last: [Float]) throws {
    var scheduler = try make(options, steps: steps)
    #expect(scheduler.timesteps == timesteps)
    var sample = Tensor([0.5, -1, 2], shape: [3])
    for index in scheduler.timesteps.indices {
      let output = sample * 0.1 + Tensor([1, -0.5, 0.25], shape: [3]) * (0.5 - 0.1 * Float(index % 5))
      sample = scheduler.step(output, at: index, sample: sample, noise: { .zeros([3]) }, original: nil)
    }
    #expect(sample.isClose(to: Tensor(last, shape: [3]), relative: 1e-5), "\(sample.values)")
  }

  /// The Runge-Kutta method takes the first three steps, so that at least four are needed.
  @Test func fewStepsNeedPLMS() throws {
    let error = #expect(throws: SchedulerError.self) { try make([], steps: 3) }
    #expect("\(try #require(error))".contains("skip_prk_steps"))
  }
}
