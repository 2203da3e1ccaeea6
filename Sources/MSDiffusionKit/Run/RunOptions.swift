// Scripts declare options of their own with it.
@_exported import ArgumentParser
import Models

/// The options that every experiment takes.
struct RunOptions: ParsableArguments {
  @Option(
    help:
      "A folder in diffusers' layout with image_encoder/ and ms_adapter.safetensors or .bin. (default: the model of this package)"
  )
  var checkpoint: String?

  @Option(help: "The weights' variant to prefer, as fp16.")
  var variant: String?

  @Option(
    help:
      "Attention heads of the adapter's resampler, where ms_adapter_config.json does not tell. (default: 64 wide each)")
  var adapterHeads: Int?

  @Flag(
    help: "Leave weights alone that the checkpoint's configurations have no layer for. (default: they are an error)")
  var ignoreSurplus = false

  @Option(help: "Seed of all random numbers.")
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

  @Option(help: "A .npy file with starting noise of standard deviation 1, [1, C, h, w], in place of the seed's.")
  var latents: String?

  @Option(help: "Folder for the figures. (default: Figures/ of this package)")
  var output: String?

  func validate() throws {
    if let size, size <= 0 { throw ValidationError("--size is \(size), expected a number of pixels above 0") }
    if let steps, steps <= 0 { throw ValidationError("--steps is \(steps), expected a number above 0") }
  }

  /// What the options say of a scene's settings.
  /// - Throws: `SchedulerError` where `--scheduler` names none.
  func overlay() throws -> SettingsOverlay {
    let kind = try scheduler.map { try SchedulerKind.named($0) }
    return SettingsOverlay {
      ($0.height, $0.width, $0.steps, $0.guidance) = (size, size, steps, guidance)
      ($0.scheduler, $0.seed) = (kind, seed)
    }
  }
}

/// The options of every experiment, and those of one.
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
