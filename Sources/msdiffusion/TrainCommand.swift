import ArgumentParser
import Foundation
import MSDiffusionKit
import Training

/// `msdiffusion train`: a stage of the model that ships.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train the model that ships, stage by stage.",
    usage: "Scripts/train --stage NAME|all --output FOLDER",
    discussion: """
      Stages build on each other: vae, clip, base, adapter. Each writes checkpoints as it goes and takes up the newest one \
      when it is started again; Ctrl-C finishes the step, writes a checkpoint and stops. A finished stage leaves its \
      part in FOLDER/model, which every experiment takes as --checkpoint.
      """)

  @Option(help: "vae, clip, base, adapter, or all of them in this order.")
  var stage: String

  @Option(help: "Working folder.")
  var output: String

  @Option(help: "Steps, in place of the stage's own number.")
  var steps: Int?

  @Option(help: "Samples a step, in place of the stage's own number.")
  var batch: Int?

  @Option(help: "Seed of weights and samples.")
  var seed: UInt64 = 1

  @Flag(inversion: .prefixedNo, help: "Supervise where the base model's words attend.")
  var grounding = true

  func run() throws {
    let stages = stage == "all" ? TrainingStage.allCases : try [named(stage)]
    try Tensor.checkMatrixProducts()
    let cancellation = TrainingCancellation()
    let watching = cancellation.atSignals()
    defer { withExtendedLifetime(watching) {} }
    for stage in stages {
      let run = try StageRun(
        stage, folder: output, merges: Bundled.smallCheckpoint + "/tokenizer/merges.txt", seed: seed,
        grounding: grounding
      ) {
        if let steps { $0.steps = steps }
        if let batch { $0.batch = batch }
      }
      print(
        "\(stage.rawValue): \(run.plan.steps) steps of \(run.plan.batch), \(run.plan.steps * run.plan.batch) samples")
      fflush(nil)
      let display = TrainingDisplay(stage.rawValue)
      let outcome = try run.run(cancellation: cancellation) { progress in
        display.show(progress)
        if progress.step % 200 == 0 { drawCurve(of: run) }
      }
      display.finish()
      drawCurve(of: run)
      guard outcome.isFinished else {
        print("stopped after step \(outcome.step); the same command goes on from there")
        return
      }
      print("\(stage.rawValue): done")
    }
  }

  /// Draws the losses so far beside the log; a training does not stop where that fails.
  private func drawCurve(of run: StageRun) {
    let folder = output + "/" + run.stage.rawValue
    do {
      let curve = try TrainingCurve(log: folder + "/log.jsonl", title: "Training of \(run.stage.rawValue)")
      try curve.figure().image().write(folder + "/loss.png")
    } catch {
      FileHandle.standardError.write(Data("warning: no loss curve: \(error)\n".utf8))
    }
  }

  private func named(_ name: String) throws -> TrainingStage {
    guard let stage = TrainingStage(rawValue: name) else {
      let known = TrainingStage.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("no stage is called '\(name)'; there are \(known), and all")
    }
    return stage
  }
}

/// Loss, speed and time left of a training: one changing line on a terminal, else a line a minute.
final class TrainingDisplay {
  private let label: String
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var last = ContinuousClock.now - .seconds(3600)

  init(_ label: String) { self.label = label }

  func show(_ progress: TrainingProgress) {
    let now = ContinuousClock.now
    guard now - last > (isTerminal ? .milliseconds(200) : .seconds(60)) || progress.step == progress.steps else {
      return
    }
    last = now
    let line =
      "\(label): step \(progress.step)/\(progress.steps), loss \(String(format: "%.4f", progress.loss)), "
      + "\(String(format: "%.1f", progress.samplesPerSecond)) samples/s, \(ProgressBar.time(progress.secondsLeft)) left"
    FileHandle.standardError.write(Data((isTerminal ? "\r\u{1b}[K" + line : line + "\n").utf8))
  }

  func finish() { if isTerminal { FileHandle.standardError.write(Data("\n".utf8)) } }
}
