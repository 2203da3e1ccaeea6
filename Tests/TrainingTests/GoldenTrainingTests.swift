import Analysis
import Foundation
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TestSupport
import Testing
import Training

/// Trains on the golden batch at every step.
final class GoldenObjective: TrainingObjective {
  let pipeline: Pipeline
  let parameters: [Parameter]
  let denoising: DenoisingLoss
  private let golden: [String: Tensor]

  /// - Parameter checkpointed: whether activations are recomputed instead of kept.
  init(checkpointed: Bool = false) throws {
    golden = try Golden.tensors("training/batch.safetensors")
    pipeline = try Pipeline(Golden.path("pipeline"))
    parameters = pipeline.weights(of: .adapter).filter { $0.key != "dummy_image_tokens" }
    var unet = pipeline.unet
    unet.checkpointsActivations = checkpointed
    denoising = DenoisingLoss(
      unet, adapter: pipeline.adapter,
      diffusion: DiffusionLoss(NoiseSchedule(pipeline.schedulerConfiguration)))
  }

  func expected(_ key: String) throws -> Tensor { try #require(golden[key]) }

  private func rows(_ key: String, _ range: Range<Int>) throws -> Tensor {
    try expected(key).sliced(axis: 0, range)
  }

  func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
    // Two samples per step, the same ones every time.
    try denoising(try batch(samples.lowerBound - 2 * step..<samples.upperBound - 2 * step))
  }

  func batch(_ own: Range<Int>) throws -> DenoisingBatch {
    let (boxes, spans) = (try expected("boxes"), try expected("spans"))
    let subjects = try own.map { sample in
      let references = 3 * sample..<3 * sample + (sample == 0 ? 2 : 3)
      let positions = 0..<references.count
      return SubjectSample(
        images: try rows("image_features", references), phrases: try rows("phrase_embeds", references),
        boxes: positions.map {
          Box(boxes[sample, $0, 0], boxes[sample, $0, 1], boxes[sample, $0, 2], boxes[sample, $0, 3])
        }, spans: positions.map { Int(spans[sample, $0, 0])..<Int(spans[sample, $0, 1]) },
        dropsGrounding: try expected("drop_grounding").values[sample] != 0)
    }
    return DenoisingBatch(
      clean: try rows("latents", own), noise: try rows("noise", own),
      timesteps: try rows("timesteps", own).values.map { Int($0) }, text: try rows("text", own),
      added: AddedConditions(pooledText: try rows("pooled", own), timeIDs: try rows("time_ids", own)),
      subjects: subjects)
  }
}

@Suite(.longNumeric) struct GoldenTrainingTests {
  /// With two shards each sample is alone on a thread, with its own number of subjects.
  @Test(arguments: [1, 2])
  func threeStepsOfTheTrainerEqualTheGoldenOnes(shards: Int) throws {
    let folder = try TemporaryFolder()
    let objective = try GoldenObjective()
    var plan = TrainingPlan(steps: 3, batch: 2, schedule: LearningRateSchedule(peak: 1e-4))
    (plan.shards, plan.clipping, plan.average, plan.logEvery) = (shards, nil, nil, 1)
    _ = try Trainer(objective, plan, folder: url(folder)).run()
    let lines = try String(contentsOfFile: folder.file("run/log.jsonl"), encoding: .utf8).split(separator: "\n")
    let losses = lines.compactMap { line in
      line.firstRange(of: #""loss":"#).flatMap { Float(line[$0.upperBound...].prefix { $0 != "," && $0 != "}" }) }
    }
    #expect(Tensor(losses, shape: [losses.count]).isClose(to: try objective.expected("losses"), relative: 1e-5))
    var compared = 0
    for parameter in objective.parameters {
      let (gradient, after) = (
        try objective.expected("grad." + parameter.key), try objective.expected("after3." + parameter.key)
      )
      let least = max(1e-6, 1e-4 * (gradient.values.map(\.magnitude).max() ?? 0))
      let found = parameter.value.values
      for (index, expected) in after.values.enumerated() {
        let isFirm = gradient.values[index].magnitude > least
        compared += isFirm ? 1 : 0
        #expect((found[index] - expected).magnitude < (isFirm ? 5e-6 : 3e-4), "\(parameter.key), \(index)")
      }
    }
    #expect(compared > 140_000)
  }

  @Test func recomputedActivationsChangeNoBit() throws {
    let results = try [false, true].map { checkpointed in
      let objective = try GoldenObjective(checkpointed: checkpointed)
      let weights = objective.parameters + objective.pipeline.weights(of: .unet)
      let variables = weights.map { Tape.variable($0.value) }
      for (weight, variable) in zip(weights, variables) { weight.value = variable }
      // Other tests change how products are divided among threads, and with that the last bits of the products.
      return try withoutThreads {
        let loss = try objective.loss(samples: 0..<2, step: 0).loss
        return [loss.detached] + Tape.gradients(of: loss, for: variables)
      }
    }
    #expect(results[0] == results[1])
    #expect(results[0].allSatisfy { $0.isFinite })
  }

  @Test func theDummyTokensHaveNoInfluence() throws {
    let objective = try GoldenObjective()
    let dummies = try #require(objective.pipeline.weights(of: .adapter).first { $0.key == "dummy_image_tokens" })
    let variable = Tape.variable(dummies.value)
    dummies.value = variable
    let loss = try objective.loss(samples: 0..<2, step: 0).loss
    #expect(Tape.gradients(of: loss, for: [variable])[0] == .zeros(dummies.shape))
  }
}
