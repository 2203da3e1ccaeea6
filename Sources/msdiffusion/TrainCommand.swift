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
      Stages build on each other, in the order vae, clip, base, adapter. Each stage writes checkpoints, and continues \
      from the newest one if it is started again. After Ctrl-C, it finishes the current step, writes a checkpoint and \
      stops. A finished stage writes its parts into FOLDER/model. After the last stage, every experiment accepts this \
      folder as --checkpoint.

      The exit code is 0 if training has finished, 1 after an error, 130 if it was stopped before the end.
      """)

  @Option(help: "vae, clip, base, adapter, or all of them in this order.")
  var stage: String

  @Option(help: "The model to train: first (the bundled model) or second (the model that will replace it).")
  var model = SmallModel.first.name

  @Option(help: "Working folder.")
  var output: String

  @Option(
    help: "A model from which OUTPUT/model gets parts of earlier stages that it lacks. (default: the bundled models)")
  var start: String?

  @Option(help: "A folder with your own samples, used instead of drawn scenes; for base and adapter only.")
  var data: String?

  @Flag(help: "Resume a run even if the samples in --data have changed since it began.")
  var acceptChangedData = false

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

  @Option(help: "Do not train, but write a whole model from the stage's newest checkpoint into this folder.")
  var snapshot: String?

  @Option(
    help: "Weight of Eq. 7 over silhouettes, which draws attention to a word into the word's subject; 0: no such loss.")
  var supervision: Float = AttentionTerms.grounding.text

  @Option(
    help: "Weight of the pixelwise cross-entropy between the base's text attention and silhouettes; 0: no such loss.")
  var pixelSupervision: Float = AttentionTerms.grounding.textPixels

  func validate() throws {
    for (name, number) in [("--steps", steps), ("--batch", batch)] {
      if let number, number < 1 { throw ValidationError("\(name) is \(number), expected a whole number above 0") }
    }
    for (name, weight) in [("--supervision", supervision), ("--pixel-supervision", pixelSupervision)]
    where !weight.isFinite || weight < 0 {
      throw ValidationError("\(name) is \(weight), expected a number of 0 or more")
    }
  }

  func run() throws {
    let variant = try variant.map { try named($0, "variant") as AdapterVariant }
    if variant != nil, stage != "adapter" {
      throw ValidationError("--variant needs --stage adapter, found --stage \(stage)")
    }
    let textAttention: TrainedTextAttention = try named(self.textAttention, "choice of text attention")
    if textAttention != .keysAndValues, variant?.trainsTextAttention != true {
      throw ValidationError("--text-attention needs a --variant that has a loss on text attention")
    }
    guard let small = SmallModel.all.first(where: { $0.name == model }) else {
      throw ValidationError("expected --model first or second, found '\(model)'")
    }
    let stages: [TrainingStage] = stage == "all" ? small.stages : try [named(stage, "stage")]
    guard stages.allSatisfy(small.stages.contains) else {
      throw ValidationError(
        "expected one of the stages of the model \(model), \(small.stages.map(\.rawValue).joined(separator: ", ")), found "
          + "'\(stage)'; it takes its encoders from the bundled model")
    }
    if data != nil, stages != [.base], stages != [.adapter] {
      throw ValidationError("--data needs --stage base or --stage adapter, found --stage \(stage)")
    }
    if acceptChangedData, data == nil { throw ValidationError("--accept-changed-data needs --data") }
    try Tensor.checkMatrixProducts()
    let cancellation = Cancellation()
    let signalHandlers = cancellation.atSignals()
    defer { withExtendedLifetime(signalHandlers) {} }
    for stage in stages {
      try takeParts(before: stage, of: small, isAlone: stages.count == 1)
      let run = try StageRun(
        stage, of: small, folder: output, merges: Bundled.merges, seed: seed,
        supervision: AttentionTerms(text: supervision, textPixels: pixelSupervision), variant: variant,
        textAttention: textAttention, data: data, acceptsChangedData: acceptChangedData
      ) {
        if let steps { $0.steps = steps }
        if let batch { $0.batch = batch }
      }
      if let snapshot {
        print("\(snapshot): the model after step \(try run.writeSnapshot(to: snapshot)) of the stage \(stage.rawValue)")
        continue
      }
      warn(run.warnings)
      print(
        "\(stage.rawValue): \(run.plan.steps) steps of \(run.plan.batch) samples, "
          + "\(run.plan.steps * run.plan.batch) samples in total")
      fflush(nil)
      let line = ProgressLine(stage.rawValue)
      let outcome = try run.run(cancellation: cancellation) { progress in
        line.show(progress)
        if progress.step % 200 == 0 { drawCurve(of: run) }
      }
      line.finish()
      drawCurve(of: run)
      guard outcome.isFinished else {
        print("\(stage.rawValue): stopped after step \(outcome.step); the same command continues from there")
        throw ExitCode(130)
      }
      print("\(stage.rawValue): finished")
    }
  }

  /// Copies the parts of earlier stages that the working folder lacks, and that are not trained before this stage.
  private func takeParts(before stage: TrainingStage, of small: SmallModel, isAlone: Bool) throws {
    let others = TrainingStage.allCases.filter { !small.stages.contains($0) }
    if let start {
      try StageRun.takeParts(before: stage, into: output, from: start, of: isAlone ? TrainingStage.allCases : others)
    } else if small.name == SmallModel.first.name {
      if isAlone { try StageRun.takeParts(before: stage, into: output, from: Bundled.model) }
    } else {
      if isAlone { try StageRun.takeParts(before: stage, into: output, from: Bundled.nextModel, of: small.stages) }
      try StageRun.takeParts(before: stage, into: output, from: Bundled.model, of: others)
    }
  }

  /// Prints the first warnings about the samples, and how many more there are.
  private func warn(_ warnings: [String]) {
    let shown = 10
    for warning in warnings.prefix(shown) { FileHandle.standardError.write(Data("warning: \(warning)\n".utf8)) }
    if warnings.count > shown {
      FileHandle.standardError.write(Data("warning: \(warnings.count - shown) more phrases like these\n".utf8))
    }
  }

  /// Draws the losses so far into a file next to the log. If this fails, it prints a warning, and training goes on.
  private func drawCurve(of run: StageRun) {
    do {
      let curves = try TrainingCurves(stage: StageName(run.stage.rawValue), log: run.folder + "/log.jsonl")
      guard !curves.curves.isEmpty else { return }
      try curves.lossFigure(title: "Training of \(run.stage.rawValue)").image().write(run.folder + "/loss.png")
    } catch {
      FileHandle.standardError.write(Data("warning: the losses could not be drawn: \(error)\n".utf8))
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
