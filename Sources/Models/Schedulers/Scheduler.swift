import Tensors

/// Takes latents from noise to image, step by step, over timesteps chosen when it was made.
///
/// A scheduler describes itself: its names, its limit and the options it reads stand in its own file. One line in
/// ``SchedulerKind/allCases`` makes it known to the command line and to checkpoints.
public protocol Scheduler: Sendable {
  /// The name on the command line.
  static var name: String { get }
  /// The class of diffusers that a `scheduler_config.json` names.
  static var className: String { get }
  /// Options that change what it computes, among those that not every scheduler reads.
  static var options: Set<SchedulerOption> { get }
  /// What a configuration of this class means where it leaves an option out.
  static var defaults: SchedulerConfiguration { get }
  /// The most steps that it can take.
  static func stepLimit(_ configuration: SchedulerConfiguration) -> Int

  /// - Throws: ``SchedulerError`` for options that it cannot follow over so many steps.
  init(_ configuration: SchedulerConfiguration, steps: Int) throws

  /// The timestep that the network receives at each step.
  var timesteps: [Float] { get }
  /// The standard deviation of the latents that a run begins with.
  var initialNoiseSigma: Float { get }
  /// The standard deviation of noise over that of the signal at a step.
  func noiseLevel(at index: Int) -> Float
  /// Latents as the network takes them at a step.
  func scaled(_ sample: Tensor, at index: Int) -> Tensor
  /// The clean latents x̂₀ that the network's output amounts to.
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor
  /// Latents after a step. Steps are taken in order, each once.
  /// - Parameters:
  ///   - output: What the network returned for the step.
  ///   - sample: Latents before it.
  ///   - noise: Returns fresh standard normal noise; called once where the step adds some, else never.
  ///   - original: Clean latents to use instead of those that `output` amounts to.
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
/// The others ignore them, as diffusers does: a published configuration often keeps options of another class that it was
/// converted from. Karras's noise levels are the exception, see ``SchedulerKind/make(configuration:steps:)``.
public enum SchedulerOption: String, CaseIterable, Sendable {
  /// Noise levels as Karras et al. (2022) space them.
  case karrasSigmas = "use_karras_sigmas"
  /// Which timesteps of training are visited.
  case spacing = "timestep_spacing"
  /// Whether predicted clean latents are clamped.
  case clipping = "clip_sample"
  /// Whether the last step ends without noise.
  case finalAlpha = "set_alpha_to_one"
  /// The steps that a model was distilled over.
  case originalSteps = "original_inference_steps"
}
