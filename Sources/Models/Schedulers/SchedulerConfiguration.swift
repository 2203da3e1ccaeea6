import Foundation
import JSON

/// The configuration of a scheduler, as in a published `scheduler_config.json`.
public struct SchedulerConfiguration: Sendable {
  /// The quantity that the network predicts.
  public enum Prediction: String, Sendable, CaseIterable {
    /// The noise ε.
    case epsilon
    /// v = √ᾱ·ε − √(1 − ᾱ)·x₀ (Salimans and Ho, 2022).
    case vPrediction = "v_prediction"
  }

  /// The training timesteps that a generation visits.
  public enum Spacing: String, Sendable, CaseIterable {
    /// At equal distances, from the first timestep to the last, both included.
    case linspace
    /// At equal distances, beginning with the first timestep; `stepsOffset` is added to each of them.
    case leading
    /// At equal distances, ending with the last timestep.
    case trailing
  }

  /// How β rises over the training timesteps.
  public enum BetaSchedule: String, Sendable, CaseIterable {
    /// β rises linearly.
    case linear
    /// √β rises linearly.
    case scaledLinear = "scaled_linear"
    /// β rises so that ᾱ is a squared cosine (Nichol and Dhariwal, 2021): noise grows uniformly, and only noise is left
    /// at the end. β is at most 0.999; `betaStart` and `betaEnd` are not used.
    case squaredCosine = "squaredcos_cap_v2"
  }

  /// The scheduler's class that the file names; nil if it names none.
  public var className: String?
  /// Number of training timesteps.
  public var trainingSteps = 1000
  /// β of the first training timestep.
  public var betaStart = 0.0001
  /// β of the last training timestep.
  public var betaEnd = 0.02
  public var betaSchedule = BetaSchedule.linear
  public var prediction = Prediction.epsilon
  /// The training timesteps that a generation visits; nil: the default of the scheduler.
  public var spacing: Spacing?
  /// Added to every timestep if the spacing is `leading`.
  public var stepsOffset = 0
  /// Whether noise levels are spaced as by Karras et al. (2022).
  public var usesKarrasSigmas = false
  /// Whether the last step ends without noise (DDIM).
  public var setsFinalAlphaToOne = true
  /// Whether predicted clean latents are clamped to −1…1 (DDIM, DDPM, LCM).
  public var clipsSample = false
  /// η, the amount of noise that DDIM adds in each step: 0 for none, 1 for as much as DDPM.
  public var eta: Float = 0
  /// The number of steps over which an LCM was distilled.
  public var originalSteps = 50
  /// Whether PNDM takes its first steps without the Runge-Kutta method.
  public var skipsRungeKutta = true
  /// The errors for unsupported options of the file, each with the classes that read the option.
  private var refusals: [(readers: Set<String>, error: SchedulerError)] = []

  public init() {}

  /// Reads a `scheduler_config.json`. An option that the file omits has the default of the class that the file names.
  ///
  /// An unsupported value of an option that changes results is an error that names the option. If the file names no
  /// class, the error is thrown here. If it names one, the error is thrown when a scheduler is made whose class reads
  /// the option, so that the model can still be used with other schedulers.
  /// - Throws: `JSONError` for an entry of the wrong type; ``SchedulerError`` for an unsupported value.
  public init(_ json: JSONNode) throws {
    let named = try json["_class_name"].isPresent ? json["_class_name"].string() : nil
    self = named.flatMap { SchedulerKind.ofClass($0) }?.type.defaults ?? Self()
    className = named
    trainingSteps = try json["num_train_timesteps"].int(or: trainingSteps)
    betaStart = try json["beta_start"].double(or: betaStart)
    betaEnd = try json["beta_end"].double(or: betaEnd)
    betaSchedule = try Self.option(json, "beta_schedule", or: betaSchedule)
    prediction = try Self.option(json, "prediction_type", or: prediction)
    spacing = try json["timestep_spacing"].isPresent ? Self.option(json, "timestep_spacing", or: .leading) : spacing
    stepsOffset = try json["steps_offset"].int(or: stepsOffset)
    usesKarrasSigmas = try json["use_karras_sigmas"].bool(or: usesKarrasSigmas)
    setsFinalAlphaToOne = try json["set_alpha_to_one"].bool(or: setsFinalAlphaToOne)
    clipsSample = try json["clip_sample"].bool(or: clipsSample)
    originalSteps = try json["original_inference_steps"].int(or: originalSteps)
    skipsRungeKutta = try json["skip_prk_steps"].bool(or: skipsRungeKutta)
    guard (2...100_000).contains(trainingSteps), betaStart > 0, betaStart <= betaEnd, betaEnd < 1,
      (0..<trainingSteps).contains(stepsOffset), (1...trainingSteps).contains(originalSteps)
    else {
      throw SchedulerError.unsupported(
        option: "\(json.location): num_train_timesteps, beta_start, beta_end, steps_offset, original_inference_steps",
        found: "\(trainingSteps), \(betaStart), \(betaEnd), \(stepsOffset), \(originalSteps)",
        supported: "num_train_timesteps from 2 to 100000, 0 < beta_start ≤ beta_end < 1, steps_offset from 0 to "
          + "num_train_timesteps − 1, original_inference_steps from 1 to num_train_timesteps")
    }
    for (key, supported, readers) in Self.supported {
      guard let found = json[key].value, !supported.contains(where: { Self.same($0, found) }) else { continue }
      let error = SchedulerError.unsupported(
        option: json[key].location, found: found.text(), supported: supported.map { $0.text() }.joined(separator: ", "))
      if className == nil { throw error }
      refusals.append((readers, error))
    }
  }

  /// Checks that a class can be used, although the file may have unsupported options for other classes.
  /// - Throws: ``SchedulerError/unsupported(option:found:supported:)`` for the first unsupported option that the class
  ///   reads.
  func checkOptions(of className: String) throws {
    if let refusal = refusals.first(where: { $0.readers.contains(className) }) { throw refusal.error }
  }

  private static let euler: Set = ["EulerDiscreteScheduler"]
  private static let ancestral: Set = ["EulerAncestralDiscreteScheduler"]
  private static let denoising: Set = ["DDIMScheduler", "DDPMScheduler", "LCMScheduler"]
  private static let dpmSolver: Set = ["DPMSolverMultistepScheduler"]
  private static let uniPC: Set = ["UniPCMultistepScheduler"]
  private static let multistep = dpmSolver.union(uniPC)
  private static let all = euler.union(ancestral).union(denoising).union(multistep).union(["PNDMScheduler"])

  /// The supported values of options, and the classes of diffusers that read them. An option that is missing or null is
  /// always accepted.
  private static let supported: [(key: String, values: [JSONValue], readers: Set<String>)] = [
    ("rescale_betas_zero_snr", [false], all.subtracting(["PNDMScheduler"])),
    ("use_beta_sigmas", [false], euler.union(multistep)),
    ("use_exponential_sigmas", [false], euler.union(multistep)),
    ("use_flow_sigmas", [false], multistep),
    ("thresholding", [false], denoising.union(multistep)),
    ("final_sigmas_type", ["zero"], euler.union(multistep)),
    ("interpolation_type", ["linear"], euler),
    ("timestep_type", ["discrete"], euler),
    ("variance_type", ["fixed_small"], ["DDPMScheduler", "DPMSolverMultistepScheduler"]),
    ("algorithm_type", ["dpmsolver++"], dpmSolver),
    ("solver_order", [2], multistep),
    ("solver_type", ["midpoint", "bh2"], multistep),
    ("predict_x0", [true], uniPC),
    ("lower_order_final", [true], multistep),
    ("use_lu_lambdas", [false], dpmSolver),
    ("clip_sample_range", [1], denoising),
    ("timestep_scaling", [10], ["LCMScheduler"]),
    ("trained_betas", [.null], all),
    ("sigma_min", [.null], euler),
    ("sigma_max", [.null], euler),
    ("lambda_min_clipped", [.null], dpmSolver),
    ("solver_p", [.null], uniPC),
    ("disable_corrector", [[]], uniPC),
  ]

  /// Whether two values are equal, where 1 and 1.0 are the same number.
  private static func same(_ one: JSONValue, _ other: JSONValue) -> Bool {
    guard case .integer(let whole) = one, case .double(let number) = other else { return one == other }
    return Double(whole) == number
  }

  private static func option<Option: RawRepresentable & CaseIterable>(
    _ json: JSONNode, _ key: String, or fallback: Option
  ) throws -> Option where Option.RawValue == String {
    guard json[key].isPresent else { return fallback }
    let name = try json[key].string()
    guard let option = Option(rawValue: name) else {
      throw SchedulerError.unsupported(
        option: "\(json.location): \(key)", found: "'\(name)'",
        supported: Option.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return option
  }

  /// β of every training timestep, the fraction of the variance that becomes noise; in float32, as published.
  package func betas() -> [Float] {
    switch betaSchedule {
    case .linear: linearSpace(betaStart, betaEnd, trainingSteps)
    case .scaledLinear: linearSpace(betaStart.squareRoot(), betaEnd.squareRoot(), trainingSteps).map { $0 * $0 }
    case .squaredCosine: (0..<trainingSteps).map { squaredCosineBeta(step: $0, of: trainingSteps) }
    }
  }

  /// ᾱ of every training timestep, the fraction of the signal's variance that is left. The product is computed in
  /// double precision, and its value at every timestep is rounded to float32, as in PyTorch.
  package func alphasCumulative() -> [Float] {
    var product = 1.0
    return betas().map { beta in
      product *= Double(1 - beta)
      return Float(product)
    }
  }
}

/// β of one of `count` steps over which ᾱ falls as cos²((t + 0.008)/1.008·π/2), at most 0.999 (Eq. 17 of Nichol and
/// Dhariwal, 2021).
private func squaredCosineBeta(step: Int, of count: Int) -> Float {
  func alphaBar(_ time: Double) -> Double {
    let cosine = cos((time + 0.008) / 1.008 * .pi / 2)
    return cosine * cosine
  }
  let (start, end) = (Double(step) / Double(count), Double(step + 1) / Double(count))
  return Float(min(1 - alphaBar(end) / alphaBar(start), 0.999))
}

/// `count` equally spaced numbers from `start` to `end` in float32. As in PyTorch, each is computed from the nearer end
/// and rounded once.
private func linearSpace(_ start: Double, _ end: Double, _ count: Int) -> [Float] {
  let (start, end) = (Float(start), Float(end))
  let step = (end - start) / Float(count - 1)
  return (0..<count).map {
    $0 < count / 2 ? start.addingProduct(step, Float($0)) : end.addingProduct(-step, Float(count - 1 - $0))
  }
}
