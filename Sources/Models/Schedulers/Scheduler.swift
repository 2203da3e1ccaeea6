import Tensors

/// Takes latents from noise to image, step by step, over timesteps chosen when it was made.
public protocol Scheduler: Sendable {
  /// What the network is told at each step.
  var timesteps: [Float] { get }
  /// Deviation of the latents that a run begins with.
  var initialNoiseSigma: Float { get }
  /// Deviation of noise over that of the signal at a step.
  func noiseLevel(at index: Int) -> Float
  /// Latents as the network takes them at a step.
  func scaled(_ sample: Tensor, at index: Int) -> Tensor
  /// The clean latents that the network's output amounts to.
  func original(_ output: Tensor, at index: Int, sample: Tensor) -> Tensor
  /// Latents after a step. Steps are taken in order, each once.
  /// - Parameters:
  ///   - output: What the network gave for the step.
  ///   - sample: Latents before it.
  ///   - noise: Gives fresh standard normal noise; called once where the step adds some, else never.
  ///   - original: Clean latents to go on with in place of those that `output` amounts to.
  mutating func step(_ output: Tensor, at index: Int, sample: Tensor, noise: () -> Tensor, original: Tensor?) -> Tensor
  /// Clean latents as they are at timesteps, one a row of the batch.
  func addNoise(_ clean: Tensor, noise: Tensor, at timesteps: [Float]) -> Tensor
}

/// The schedulers there are, by the names of their command line options.
public enum SchedulerKind: String, CaseIterable, Sendable {
  case euler
  case eulerAncestral = "euler_ancestral"
  case ddim
  case ddpm
  /// DPM-Solver++ of second order (Lu et al., 2022).
  case dpmSolver = "dpmpp_2m"
  case uniPC = "unipc"
  case lcm

  private static let classNames: [String: SchedulerKind] = [
    "EulerDiscreteScheduler": .euler, "EulerAncestralDiscreteScheduler": .eulerAncestral, "DDIMScheduler": .ddim,
    "DDPMScheduler": .ddpm, "DPMSolverMultistepScheduler": .dpmSolver, "UniPCMultistepScheduler": .uniPC,
    "LCMScheduler": .lcm,
  ]

  /// The scheduler of an option or of a class of diffusers.
  /// - Throws: ``SchedulerError/unknown(name:known:)``.
  public static func named(_ name: String) throws -> SchedulerKind {
    guard let kind = SchedulerKind(rawValue: name) ?? classNames[name] else {
      throw SchedulerError.unknown(name: name, known: allCases.map(\.rawValue))
    }
    return kind
  }

  /// A scheduler over a number of steps.
  /// - Throws: ``SchedulerError``.
  public func make(configuration: SchedulerConfiguration, steps: Int) throws -> any Scheduler {
    // The multistep solvers with leading and linspace spacing divide training into one part more.
    let limit =
      switch self {
      case .lcm: configuration.originalSteps
      case .dpmSolver, .uniPC: configuration.trainingSteps - 1
      case .euler, .eulerAncestral, .ddim, .ddpm: configuration.trainingSteps
      }
    guard (1...limit).contains(steps) else {
      throw SchedulerError.steps(found: steps, limit: limit, scheduler: rawValue)
    }
    if configuration.usesKarrasSigmas, [.eulerAncestral, .ddim, .ddpm, .lcm].contains(self),
      configuration.className != nil,
      Self.classNames[configuration.className ?? ""] == self
    {
      throw SchedulerError.unsupported(
        option: "use_karras_sigmas of \(rawValue)", found: "true", supported: "euler, dpmpp_2m, unipc")
    }
    let scheduler: any Scheduler =
      switch self {
      case .euler: EulerScheduler(configuration, steps: steps, isAncestral: false)
      case .eulerAncestral: EulerScheduler(configuration, steps: steps, isAncestral: true)
      case .ddim: DDIMScheduler(configuration, steps: steps)
      case .ddpm: DDPMScheduler(configuration, steps: steps)
      case .dpmSolver: DPMSolverScheduler(configuration, steps: steps)
      case .uniPC: UniPCScheduler(configuration, steps: steps)
      case .lcm: LCMScheduler(configuration, steps: steps)
      }
    // The others read noise levels between those of training, and the last one's beyond them.
    if [.ddim, .ddpm].contains(self), let first = scheduler.timesteps.first, Int(first) >= configuration.trainingSteps {
      throw SchedulerError.unsupported(
        option: "steps_offset \(configuration.stepsOffset) with \(steps) steps of \(rawValue)",
        found: "timestep \(Int(first))",
        supported: "timesteps up to \(configuration.trainingSteps - 1); take fewer steps or trailing spacing")
    }
    return scheduler
  }
}
