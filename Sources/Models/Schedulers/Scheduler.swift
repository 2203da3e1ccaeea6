import Tensors

/// Takes latents from noise to image, step by step. The timesteps are fixed when the scheduler is created.
///
/// A scheduler states its names, its limit of steps and the options that it reads. One entry in
/// ``SchedulerKind/allCases`` makes it available on the command line and for checkpoints.
public protocol Scheduler: Sendable {
  /// The name on the command line.
  static var name: String { get }
  /// The name of the diffusers class in a `scheduler_config.json`.
  static var className: String { get }
  /// Which of the options that not all schedulers read this scheduler reads.
  static var options: Set<SchedulerOption> { get }
  /// The values of the options that a `scheduler_config.json` of this class leaves out.
  static var defaults: SchedulerConfiguration { get }
  /// The largest number of steps that the scheduler can take.
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int

  /// - Throws: ``SchedulerError`` for options that the scheduler does not support with this number of steps.
  init(_ configuration: SchedulerConfiguration, steps: Int) throws

  /// The timestep that the network receives at each step.
  var timesteps: [Float] { get }
  /// The standard deviation of the latents that a run begins with.
  var initialNoiseSigma: Float { get }
  /// σ at the step with this index: the noise's standard deviation divided by the signal's.
  func noiseLevel(at index: Int) -> Float
  /// Latents, scaled as the network expects them at the step with this index.
  func scaled(_ sample: Tensor, at index: Int) -> Tensor
  /// The clean latents x̂₀ that the network's output predicts at the step with this index.
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor
  /// Latents after a step. Steps must be taken in order, each step once.
  /// - Parameters:
  ///   - output: The network's output for the step.
  ///   - index: Index of the step, counted from 0.
  ///   - sample: Latents before the step.
  ///   - noise: Returns new standard normal noise. It is called once if the step adds noise, otherwise never.
  ///   - original: Clean latents to use instead of those that `output` predicts; nil: those that it predicts.
  mutating func step(_ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?) -> Tensor
  /// Clean latents with the noise of the given timesteps, one timestep per row of the batch.
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor
}

extension Scheduler {
  public static var options: Set<SchedulerOption> { [] }
  public static var defaults: SchedulerConfiguration { SchedulerConfiguration() }
  public static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { configuration.trainingSteps }
}

/// Options of a `scheduler_config.json` that only some schedulers read.
///
/// Other schedulers ignore them, as in diffusers: a published configuration often keeps options of the class from which
/// it was converted. Karras's noise levels are an exception; see ``SchedulerKind/make(configuration:steps:)``.
public enum SchedulerOption: String, CaseIterable, Sendable {
  /// Noise levels as Karras et al. (2022) space them.
  case karrasSigmas = "use_karras_sigmas"
  /// Which training timesteps a generation visits.
  case spacing = "timestep_spacing"
  /// Whether predicted clean latents are clamped.
  case clipping = "clip_sample"
  /// Whether the last step ends without noise.
  case finalAlpha = "set_alpha_to_one"
  /// The number of steps over which a model was distilled.
  case originalSteps = "original_inference_steps"
  /// Whether the first steps are taken without the Runge-Kutta method.
  case rungeKutta = "skip_prk_steps"
}
