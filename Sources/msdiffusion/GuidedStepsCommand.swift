import ArgumentParser
import Benchmarks
import Foundation
import MSDiffusionKit
import Training

/// `msdiffusion guided-steps`: measures the time of guided steps with a checkpoint, and checks that box, phrase and
/// photograph change the result.
struct GuidedStepsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guided-steps",
    abstract:
      "Measure the time of guided steps with a checkpoint; check that box, phrase and photograph change the result.",
    usage: "Scripts/full-size DIR")

  @Argument(help: "A checkpoint's folder.")
  var folder: String

  @Option(help: "Side of the image in pixels.")
  var size = 512

  @Option(help: "The variant of the weights, such as fp16.")
  var variant: String?

  func validate() throws {
    if size < 1 { throw ValidationError("--size is \(size), expected a number of pixels above 0") }
  }

  func run() throws {
    let pipeline = try Pipeline(folder, variant: variant)
    func photograph(_ name: String) throws -> PixelImage { try PixelImage(contentsOf: Bundled.reference(name)) }
    let box = Box(0.1, 0.2, 0.6, 0.9)
    let scene = Scene(
      "a cat and a cup on the beach", subjects: [Subject("cat", image: try photograph("cat"), box: box)], height: size,
      width: size, steps: 2)
    let variants: [(name: String, change: (inout Scene) throws -> Void)] = [
      ("original scene", { _ in }), ("different box", { $0.subjects[0].box = Box(0.4, 0.1, 0.9, 0.8) }),
      ("different phrase", { $0.subjects[0].phrase = "cup" }),
      ("different photograph", { $0.subjects[0].image = try photograph("rocket") }),
    ]
    var first: Tensor?
    for (name, change) in variants {
      var variant = scene
      try change(&variant)
      let begun = ContinuousClock.now
      let run = try pipeline.denoising([variant])
      let encoded = ContinuousClock.now
      guard let step = try run.advance() else { return }
      let ended = ContinuousClock.now
      let difference = first.map { (step.latents - $0).abs().maximum().item }
      if first == nil { first = step.latents }
      print(
        "\(name): encoding took \(Self.seconds(begun, encoded)), a guided step \(Self.seconds(encoded, ended)); "
          + "the latents are finite"
          + (difference.map { " and differ from those of the original scene by at most \($0)" } ?? "")
          + "; peak memory so far: \(Self.peak())")
      fflush(nil)
      if let difference, difference == 0 {
        throw ValidationError("expected other latents with a \(name), found the latents of the original scene")
      }
    }
  }

  private static func seconds(_ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> String {
    String(format: "%.1f s", (to - from).seconds)
  }

  private static func peak() -> String { String(format: "%.2f GiB", Machine.peakGiB) }
}
