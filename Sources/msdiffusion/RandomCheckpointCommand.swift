import ArgumentParser
import MSDiffusionKit

/// `msdiffusion random-checkpoint`: writes a model folder of the published size, with random weights.
struct RandomCheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "random-checkpoint",
    abstract: "Write a checkpoint of the published size with random half-precision weights (about 12 GB).",
    usage: "Scripts/full-size DIR",
    discussion:
      "Weights that exist already are kept. A generation takes as long as with the published model, and shows noise."
  )

  @Argument(help: "The folder to write.")
  var folder: String

  @Option(help: "Seed of the weights.")
  var seed: UInt64 = 0

  func run() throws {
    for part in try RandomCheckpoint.publishedParts() {
      print("\(part.part.name): \(part.parameterCount) parameters")
    }
    let line = ProgressLine("weights")
    try RandomCheckpoint.write(to: folder, seed: seed) { line.show("writing", $0, of: $1) }
    line.finish()
  }
}
