import ArgumentParser
import Foundation
import MSDiffusionKit
import ModelRecipe
import Training

/// `msdiffusion train`: trains the bundled model, stage by stage.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train the bundled model, stage by stage.",
    usage: "Scripts/train --stage NAME|all --output FOLDER",
    discussion: """
      Stages build on each other: vae, clip, base, adapter. Each writes checkpoints and continues from the newest one \
      when it is started again. Ctrl-C finishes the step, writes a checkpoint and stops. A finished stage writes its \
      part into FOLDER/model, which every experiment accepts as --checkpoint.

      Exit code: 0 if finished, 1 after an error, 130 if stopped before the end.
      """)

  @Option(help: "vae, clip, base, adapter, or all of them in this order.")
  var stage: String

  @Option(help: "Working folder.")
  var output: String

  @Option(
    help: "A model whose parts are used if OUTPUT/model lacks those of earlier stages. (default: the bundled model)")
  var start: String?

  @Option(help: "A folder with your own samples, used instead of rendered scenes; for base and adapter.")
  var data: String?

  @Option(help: "Number of steps, instead of the stage's default.")
  var steps: Int?

  @Option(help: "Samples per step, instead of the stage's default.")
  var batch: Int?

  @Option(help: "Seed for weights and samples.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "Train this variant of the adapter for the ablation, in OUTPUT/ablation/VARIANT-SEED: "
        + AdapterVariant.allCases.map(\.rawValue).joined(separator: ", ") + "."))
  var variant: String?

  @Option(
    help: ArgumentHelp(
      "Which weights of text cross-attention to train, for a variant with a loss on text attention: "
        + TrainedTextAttention.allCases.map(\.rawValue).joined(separator: ", ") + "."))
  var textAttention = TrainedTextAttention.keysAndValues.rawValue

  @Option(help: "Do not train; write the whole model from the stage's newest checkpoint into this folder.")
  var snapshot: String?

  @Option(
    help: "Weight of Eq. 7 over silhouettes, which makes the base model's words attend to their subjects; 0: none.")
  var supervision: Float = AttentionTerms.grounding.text

  @Option(
    help: "Weight of the cross-entropy per pixel between the base model's text attention and silhouettes; 0: none.")
  var pixelSupervision: Float = AttentionTerms.grounding.textPixels

  func run() throws {
    let variant = try variant.map { try named($0, "variant") as AdapterVariant }
    if variant != nil, stage != "adapter" { throw ValidationError("--variant goes with --stage adapter") }
    let textAttention: TrainedTextAttention = try named(self.textAttention, "choice of text attention")
    if textAttention != .keysAndValues, variant?.trainsTextAttention != true {
      throw ValidationError("--text-attention goes with a --variant that has a loss on text attention")
    }
    let stages: [TrainingStage] = stage == "all" ? TrainingStage.allCases : try [named(stage, "stage")]
    if data != nil, stages != [.base], stages != [.adapter] {
      throw ValidationError("--data goes with --stage base or --stage adapter")
    }
    guard supervision >= 0, pixelSupervision >= 0 else {
      throw ValidationError(
        "--supervision and --pixel-supervision are weights of 0 or more, found \(supervision) and \(pixelSupervision)")
    }
    try Tensor.checkMatrixProducts()
    let cancellation = Cancellation()
    let signalHandlers = cancellation.atSignals()
    defer { withExtendedLifetime(signalHandlers) {} }
    for stage in stages {
      if stages.count == 1 { try StageRun.takeParts(before: stage, into: output, from: start ?? Bundled.model) }
      let run = try StageRun(
        stage, folder: output, merges: Bundled.merges, seed: seed,
        supervision: AttentionTerms(text: supervision, textPixels: pixelSupervision), variant: variant,
        textAttention: textAttention, data: data
      ) {
        if let steps { $0.steps = steps }
        if let batch { $0.batch = batch }
      }
      if let snapshot {
        print("\(snapshot): \(stage.rawValue) after step \(try run.writeSnapshot(to: snapshot))")
        continue
      }
      warn(run.warnings)
      print(
        "\(stage.rawValue): \(run.plan.steps) steps of \(run.plan.batch), \(run.plan.steps * run.plan.batch) samples")
      fflush(nil)
      let line = ProgressLine(stage.rawValue)
      let outcome = try run.run(cancellation: cancellation) { progress in
        line.show(progress)
        if progress.step % 200 == 0 { drawCurve(of: run) }
      }
      line.finish()
      drawCurve(of: run)
      guard outcome.isFinished else {
        print("stopped after step \(outcome.step); the same command continues from there")
        throw ExitCode(130)
      }
      print("\(stage.rawValue): done")
    }
  }

  /// Prints the first warnings about the samples, and how many more there are.
  private func warn(_ warnings: [String]) {
    let shown = 10
    for warning in warnings.prefix(shown) { FileHandle.standardError.write(Data("warning: \(warning)\n".utf8)) }
    if warnings.count > shown {
      FileHandle.standardError.write(Data("warning: \(warnings.count - shown) more like these\n".utf8))
    }
  }

  /// Draws the losses so far next to the log. Training goes on if that fails.
  private func drawCurve(of run: StageRun) {
    do {
      let curves = try TrainingCurves(stage: StageName(run.stage.rawValue), log: run.folder + "/log.jsonl")
      guard !curves.curves.isEmpty else { return }
      try curves.lossFigure(title: "Training of \(run.stage.rawValue)").image().write(run.folder + "/loss.png")
    } catch {
      FileHandle.standardError.write(Data("warning: no loss curve: \(error)\n".utf8))
    }
  }

  private func named<Choice: RawRepresentable & CaseIterable>(_ name: String, _ kind: String) throws -> Choice
  where Choice.RawValue == String {
    guard let choice = Choice(rawValue: name) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("no \(kind) is called '\(name)'; there are \(known)")
    }
    return choice
  }
}
