import ArgumentParser
import Inspection

/// `msdiffusion inspect`: describes a checkpoint.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract:
      "Describe a checkpoint's file or folder: its model, keys, shapes, types, sizes, missing and surplus weights.",
    usage: "Scripts/inspect PATH [--brief]",
    discussion: "Exits with code 1 if any weight is missing or has the wrong shape, or if anything cannot be read.")

  @Argument(help: "A .safetensors, .bin, .pt or .ckpt file, an index.json, a model's folder or a pipeline's folder.")
  var path: String

  @Flag(help: "Do not list the keys.")
  var brief = false

  func run() throws {
    let inspection = try Inspection(path, listsKeys: !brief)
    print(inspection.lines.joined(separator: "\n"))
    if !inspection.isWhole { throw ExitCode.failure }
  }
}
