import Foundation
import Layers
import Tensors
import TestSupport
import Testing
import Training

@Suite struct TrainerTests {
  @Test func theLossFalls() throws {
    let folder = try TemporaryFolder()
    let line = Line()
    let trainer = try Trainer(line, .line(steps: 300), folder: url(folder))
    var losses: [Double] = []
    let outcome = try trainer.run { losses.append($0.loss) }
    #expect(outcome.isFinished && outcome.step == 300)
    #expect(losses.count == 300)
    #expect(losses[299] < 0.01 * losses[0])
    #expect(abs(line.bias.value.values[2] - 2) < 0.1)
    #expect(!line.weight.value.isRecorded)
  }

  /// The files that a training run leaves, except the one that holds times.
  private func files(_ folder: TemporaryFolder, _ name: String = "run") throws -> [String: [UInt8]] {
    let path = folder.file(name)
    let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0 != "time.json" }
    return Dictionary(uniqueKeysWithValues: try names.map { ($0, try bytes(of: path + "/" + $0)) })
  }

  @Test func anInterruptedTrainingLeavesTheSameBytes() throws {
    let folder = try TemporaryFolder()
    _ = try Trainer(Line(), .line(steps: 37), folder: url(folder, "whole")).run()
    let whole = try files(folder, "whole")
    #expect(
      whole.keys.sorted() == ["lock", "log.jsonl", "step-000000030.safetensors", "step-000000037.safetensors"])

    // Cancelled twice, at steps where neither a checkpoint nor a line of the log was due.
    for stop in [13, 31] {
      let cancellation = Cancellation()
      let trainer = try Trainer(Line(), .line(steps: 37), folder: url(folder))
      let outcome = try trainer.run(cancellation: cancellation) { if $0.step == stop { cancellation.cancel() } }
      #expect(outcome.step == stop && !outcome.isFinished)
    }
    _ = try Trainer(Line(), .line(steps: 37), folder: url(folder)).run()
    let resumed = try files(folder)
    #expect(resumed["log.jsonl"] == whole["log.jsonl"])
    #expect(resumed["step-000000037.safetensors"] == whole["step-000000037.safetensors"])
  }

  @Test func aKilledTrainingLeavesTheSameBytes() throws {
    struct Killed: Error {}
    let folder = try TemporaryFolder()
    _ = try Trainer(Line(), .line(steps: 37), folder: url(folder, "whole")).run()
    // The objective throws in the middle, after lines of the log that no checkpoint covers.
    final class Mortal: TrainingObjective {
      let line = Line()
      var parameters: [Parameter] { line.parameters }
      func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
        if step == 29 { throw Killed() }
        return try line.loss(samples: samples, step: step)
      }
      func evaluation(step: Int) throws -> [(name: String, value: Double)] { try line.evaluation(step: step) }
    }
    #expect(throws: Killed.self) { _ = try Trainer(Mortal(), .line(steps: 37), folder: url(folder)).run() }
    // A line of the log and two files that a crash has cut off.
    let log = folder.file("run/log.jsonl")
    try Data(try bytes(of: log) + Array(#"{"step":28,"sam"#.utf8)).write(to: URL(fileURLWithPath: log))
    let newest = try bytes(of: folder.file("run/step-000000020.safetensors"))
    _ = try folder.write(Array(newest.dropLast(9)), as: "run/step-000000025.safetensors")
    _ = try folder.write([1, 2], as: "run/step-000000030.safetensors.1.part")

    let trainer = try Trainer(Line(), .line(steps: 37), folder: url(folder))
    #expect(trainer.step == 20)
    _ = try trainer.run()
    #expect(try files(folder) == files(folder, "whole"))
  }

  @Test func aTrainingCanContinueAfterItsEnd() throws {
    let folder = try TemporaryFolder()
    _ = try Trainer(Line(), .line(steps: 50), folder: url(folder, "whole")).run()
    _ = try Trainer(Line(), .line(steps: 21), folder: url(folder)).run()
    _ = try Trainer(Line(), .line(steps: 50), folder: url(folder)).run()
    #expect(
      try files(folder)["step-000000050.safetensors"] == files(folder, "whole")["step-000000050.safetensors"])
  }

  @Test func aLossThatIsNotANumberStopsTheTraining() throws {
    let folder = try TemporaryFolder()
    let trainer = try Trainer(Line(broken: [12 * 7 + 6]), .line(steps: 20), folder: url(folder))
    let checkpoint = folder.file("run/step-000000010.safetensors")
    #expect {
      _ = try trainer.run()
    } throws: { error in
      guard case .notFinite(12, 84..<91, let loss, "line.weight", checkpoint)? = error as? TrainingError else {
        return false
      }
      return loss.isNaN && "\(error)".hasPrefix("step 13, samples 84..<91: expected a finite loss and gradient")
    }
    #expect(try TrainingCheckpoint(checkpoint).step == 10)
  }

  @Test func aDifferentPlanOrModelIsRefused() throws {
    let folder = try TemporaryFolder()
    _ = try Trainer(Line(), .line(steps: 3), folder: url(folder)).run()
    var plan = TrainingPlan.line(steps: 4)
    plan.optimizer.weightDecay = 0.1
    #expect {
      _ = try Trainer(Line(), plan, folder: url(folder))
    } throws: { "\($0)".contains("the plan's optimizer") }

    final class Other: TrainingObjective {
      let parameters = [Parameter("line.weight", .zeros([3, 4])), Parameter("line.bias", .zeros([3]))]
      func loss(samples: Range<Int>, step: Int) -> StepLoss { StepLoss(parameters[0].value.sum()) }
    }
    #expect {
      _ = try Trainer(Other(), .line(steps: 4), folder: url(folder))
    } throws: { "\($0)".contains("weight 3 is 'idle.weight', this run has none") }
  }

  @Test func oneProcessAtATime() throws {
    let folder = try TemporaryFolder()
    let trainer = try Trainer(Line(), .line(steps: 3), folder: url(folder))
    #expect(throws: TrainingError.busy(folder: folder.file("run"))) {
      _ = try Trainer(Line(), .line(steps: 3), folder: url(folder))
    }
    _ = try trainer.run()
  }

  @Test func plansAreChecked() throws {
    let folder = try TemporaryFolder()
    func expect(_ text: String, _ change: (inout TrainingPlan) -> Void) {
      var plan = TrainingPlan.line(steps: 5)
      change(&plan)
      #expect {
        _ = try Trainer(Line(), plan, folder: url(folder))
      } throws: { "\($0)" == "plan: " + text }
    }
    expect("steps is 0, expected at least 1") { $0.steps = 0 }
    expect("batch is 1, expected at least 2, one sample per shard") { $0.batch = 1 }
    expect("clipping is -1.0, expected a norm above 0, or nil") { $0.clipping = -1 }
    expect("schedule is a peak of 0.0, expected a rate above 0") { $0.schedule.peak = 0 }
    expect("average is 1.0, expected a decay of at least 0 and below 1") { $0.average = WeightAverage(decay: 1) }
  }

  @Test func microbatchesAddUpToTheSameGradient() throws {
    let folder = try TemporaryFolder()
    var plan = TrainingPlan.line(steps: 20)
    plan.microbatch = nil
    let (whole, parts) = (Line(), Line())
    _ = try Trainer(whole, plan, folder: url(folder, "whole")).run()
    _ = try Trainer(parts, .line(steps: 20), folder: url(folder, "parts")).run()
    #expect(parts.weight.value.isClose(to: whole.weight.value, relative: 1e-4))
    #expect(parts.idle.value == whole.idle.value)
  }

  @Test func checkpointsHoldWeightsAndAverages() throws {
    let folder = try TemporaryFolder()
    let line = Line()
    let trainer = try Trainer(line, .line(steps: 9), folder: url(folder))
    let outcome = try trainer.run()
    let checkpoint = try TrainingCheckpoint(outcome.checkpoint)
    #expect(checkpoint.step == 9 && checkpoint.samples == 63 && checkpoint.hasAverages)
    #expect(try checkpoint.tensor("line.weight", averaged: false) == line.weight.value)
    let other = Line()
    try checkpoint.load(into: other.parameters)
    #expect(trainer.withAverages { line.weight.value } == other.weight.value)
    #expect(other.weight.value != line.weight.value)
    try checkpoint.load(into: other.parameters, averaged: false)
    #expect(other.weight.value == line.weight.value)
  }
}
