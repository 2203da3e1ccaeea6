import ArgumentParser
import Inspection

/// `msdiffusion inspect`: describes a checkpoint.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract:
      "Describe a checkpoint's file or folder: its model, keys, shapes, types, sizes, missing and surplus weights.",
    usage: "Scripts/inspect PATH [--brief] [--variant NAME]",
    discussion:
      "Exits with code 1 if any weight is missing, surplus or has the wrong shape, if parts do not fit together, "
      + "or if anything cannot be read.")

  @Argument(help: "A .safetensors, .bin, .pt or .ckpt file, an index.json, a model's folder or a pipeline's folder.")
  var path: String

  @Flag(help: "Do not list the keys.")
  var brief = false

  @Option(help: "The variant of a folder's weights to prefer, such as fp16.")
  var variant: String?

  func run() throws {
    let inspection = try Inspection(path, listsKeys: !brief, variant: variant)
    print(inspection.lines.joined(separator: "\n"))
    if !inspection.isWhole { throw ExitCode.failure }
  }
}
