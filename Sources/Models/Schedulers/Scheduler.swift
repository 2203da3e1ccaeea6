import Tensors

/// Takes latents from noise to image, step by step, over timesteps that are fixed when it is created.
///
/// A scheduler describes itself: its own file states its names, its limit and the options it reads. One line in
/// ``SchedulerKind/allCases`` registers it for the command line and for checkpoints.
public protocol Scheduler: Sendable {
  /// The name on the command line.
  static var name: String { get }
  /// The name of the diffusers class in a `scheduler_config.json`.
  static var className: String { get }
  /// The options that this scheduler reads, among those that only some schedulers read.
  static var options: Set<SchedulerOption> { get }
  /// The values of options that a configuration of this class leaves out.
  static var defaults: SchedulerConfiguration { get }
  /// The largest number of steps that it can take.
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int

  /// - Throws: ``SchedulerError`` for options that it does not support with this number of steps.
  init(_ configuration: SchedulerConfiguration, steps: Int) throws

  /// The timestep that the network receives at each step.
  var timesteps: [Float] { get }
  /// The standard deviation of the latents that a run begins with.
  var initialNoiseSigma: Float { get }
  /// The standard deviation of noise over that of the signal at a step.
  func noiseLevel(at index: Int) -> Float
  /// Latents, scaled as the network expects them at a step.
  func scaled(_ sample: Tensor, at index: Int) -> Tensor
  /// The clean latents x̂₀ that the network's output predicts.
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor
  /// Latents after a step. Steps are taken in order, each once.
  /// - Parameters:
  ///   - output: The network's output for the step.
  ///   - sample: Latents before it.
  ///   - noise: Returns fresh standard normal noise; called once if the step adds noise, else never.
  ///   - original: Clean latents to use instead of those that `output` predicts.
  mutating func step(_ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?) -> Tensor
  /// Clean latents with the noise of a timestep, one timestep per row of the batch.
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor
}

extension Scheduler {
  public static var options: Set<SchedulerOption> { [] }
  public static var defaults: SchedulerConfiguration { SchedulerConfiguration() }
  public static func stepLimit(_ configuration: SchedulerConfiguration) -> Int { configuration.trainingSteps }
}

/// Options of a `scheduler_config.json` that only some schedulers read.
///
/// The others ignore them, as diffusers does: a published configuration often keeps options of the class from which it
/// was converted. Karras's noise levels are the exception, see ``SchedulerKind/make(configuration:steps:)``.
public enum SchedulerOption: String, CaseIterable, Sendable {
  /// Noise levels as Karras et al. (2022) space them.
  case karrasSigmas = "use_karras_sigmas"
  /// The training timesteps that are visited.
  case spacing = "timestep_spacing"
  /// Whether predicted clean latents are clamped.
  case clipping = "clip_sample"
  /// Whether the last step ends without noise.
  case finalAlpha = "set_alpha_to_one"
  /// The number of steps over which a model was distilled.
  case originalSteps = "original_inference_steps"
}
