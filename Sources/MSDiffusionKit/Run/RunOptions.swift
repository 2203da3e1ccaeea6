// Scripts declare their own options with it.
@_exported import ArgumentParser
import Models

/// The options that every experiment takes.
struct RunOptions: ParsableArguments {
  @Option(
    help:
      "A folder in diffusers' layout with image_encoder/ and ms_adapter.safetensors or .bin. (default: the bundled model)"
  )
  var checkpoint: String?

  @Option(help: "The variant of the weights to prefer, such as fp16.")
  var variant: String?

  @Option(
    help:
      "Attention heads of the adapter's resampler, if not in ms_adapter_config.json. (default: heads of width 64)")
  var adapterHeads: Int?

  @Flag(
    help: "Ignore weights that no layer of the checkpoint's configurations uses. (default: they are an error)")
  var ignoreSurplus = false

  @Option(help: "Seed for all random numbers.")
  var seed: UInt64?

  @Option(help: "Denoising steps.")
  var steps: Int?

  @Option(help: "Strength of classifier-free guidance.")
  var guidance: Float?

  @Option(help: "Side of the images in pixels, a multiple of the model's factor. (default: the model's own)")
  var size: Int?

  @Option(
    help: "Scheduler: \(SchedulerKind.allCases.map(\.name).joined(separator: ", ")). (default: the checkpoint's)")
  var scheduler: String?

  @Option(help: "A .npy file with initial noise of standard deviation 1, [1, C, h, w], instead of noise from the seed.")
  var latents: String?

  @Option(help: "Folder for figures. (default: Figures/ in this package)")
  var output: String?

  func validate() throws {
    if let size, size <= 0 { throw ValidationError("--size is \(size), expected a number of pixels above 0") }
    if let steps, steps <= 0 { throw ValidationError("--steps is \(steps), expected a number above 0") }
  }

  /// The scene settings that the options set.
  /// - Throws: `SchedulerError` if `--scheduler` names none.
  func overlay() throws -> SettingsOverlay {
    let kind = try scheduler.map { try SchedulerKind.named($0) }
    return SettingsOverlay {
      ($0.height, $0.width, $0.steps, $0.guidance) = (size, size, steps, guidance)
      ($0.scheduler, $0.seed) = (kind, seed)
    }
  }
}

/// The options that every experiment takes, and one experiment's own.
struct RunArguments<Own: ParsableArguments>: ParsableArguments {
  @OptionGroup var common: RunOptions
  @OptionGroup(title: "Options of this experiment") var own: Own
}

/// For scripts without options of their own.
struct NoOptions: ParsableArguments {}

/// The name of a script, and its options.
struct NamedArguments<Own: ParsableArguments> {
  let name: String
  let options: RunArguments<Own>
}
