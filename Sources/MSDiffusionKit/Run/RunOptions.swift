// Scripts declare their own options with ArgumentParser.
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
      "Number of the resampler's attention heads, if ms_adapter_config.json lacks it. (default: each head is 64 wide)")
  var adapterHeads: Int?

  @Flag(
    help: "Ignore weights that no layer of the model uses. (default: such weights are an error)")
  var ignoreSurplus = false

  @Option(help: "Seed for all random numbers.")
  var seed: UInt64?

  @Option(help: "Number of denoising steps.")
  var steps: Int?

  @Option(help: "Strength of classifier-free guidance.")
  var guidance: Float?

  @Option(
    help:
      "Side of the images in pixels, a multiple of the number of pixels per latent. (default: the model's own size)")
  var size: Int?

  @Option(
    help: "Scheduler: \(SchedulerKind.allCases.map(\.name).joined(separator: ", ")). (default: the checkpoint's)")
  var scheduler: String?

  @Option(help: "A .npy file with starting noise of standard deviation 1, [1, C, h, w]. (default: noise from the seed)")
  var latents: String?

  @Option(help: "Folder for figures. (default: Figures/ in this package)")
  var output: String?

  func validate() throws {
    if let size, size <= 0 { throw ValidationError("--size is \(size), expected a number of pixels above 0") }
    if let steps, steps <= 0 { throw ValidationError("--steps is \(steps), expected a number above 0") }
  }

  /// The scene settings that the options set.
  /// - Throws: `SchedulerError` if `--scheduler` names no known scheduler.
  func overlay() throws -> SettingsOverlay {
    let kind = try scheduler.map { try SchedulerKind.named($0) }
    return SettingsOverlay {
      ($0.height, $0.width, $0.steps, $0.guidance) = (size, size, steps, guidance)
      ($0.scheduler, $0.seed) = (kind, seed)
    }
  }
}

/// The options that every experiment takes, and the options of one experiment.
struct RunArguments<Own: ParsableArguments>: ParsableArguments {
  @OptionGroup var common: RunOptions
  @OptionGroup(title: "Options of this experiment") var own: Own

  static var words: OptionWords { OptionWords([RunOptions.self, Own.self], help: helpMessage(includeHidden: true)) }

  /// Parses the words of a command line; values may begin with a dash.
  static func parsed(_ words: [String]) throws -> Self { try parse(Self.words.prepared(words)) }
}

/// For scripts without options of their own.
struct NoOptions: ParsableArguments {}

/// The name of a script, and its options.
struct NamedArguments<Own: ParsableArguments> {
  let name: String
  let options: RunArguments<Own>
}
