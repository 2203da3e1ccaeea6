import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import ModelRecipe
import Models
import Tensors
import TestSupport
import Testing
import Training

/// Every variant of the ablation trains with the same base and writes a separate model.
@Suite(.longNumeric) struct VariantTests {
  private static let merges = TokenizerFolder(ModelFolder(Golden.path("pipeline")).path(of: .tokenizer)).merges
  private static let base = Result {
    let folder = try TemporaryFolder()
    for stage in TrainingStage.allCases where stage != .adapter {
      try StageRun(stage, folder: folder.path, merges: merges).exportUntrained()
    }
    return folder
  }

  @Test(arguments: AdapterVariant.allCases) func variantsTrainAndOpen(variant: AdapterVariant) throws {
    let folder = try Self.base.get()
    let run = try StageRun(.adapter, folder: folder.path, merges: Self.merges, seed: 3, variant: variant) { plan in
      (plan.steps, plan.batch, plan.evaluateEvery, plan.logEvery) = (2, 4, 0, 1)
      // The learning rate is high enough for every change to show in half precision.
      plan.schedule = LearningRateSchedule(peak: 0.05)
    }
    #expect(try run.run().isFinished)
    let trained = variant.folder(in: folder.path, seed: 3)
    #expect(variant.finishedModel(in: folder.path, seed: 3) == trained + "/model")
    let log = try String(contentsOfFile: trained + "/log.jsonl", encoding: .utf8)
    #expect(log.contains("imageAttention") == (variant.terms.image > 0))
    #expect(log.contains("textAttention") == (variant.terms.text > 0))
    let pipeline = try Pipeline(trained + "/model")
    let adapter = try #require(pipeline.adapter)
    #expect(adapter.tokens == 16)
    #expect(type(of: adapter.configuration.projector).name == variant.projector.name)
    // The configuration holds all sizes, equal to those of the weights.
    let model = ModelFolder(trained + "/model")
    let weights = Scope(CheckpointSource(try model.checkpoint(of: .adapter)))
    let inferred = try AdapterConfiguration(
      JSONNode(.object([("heads", 4)]), name: "heads alone"), weights: weights)
    let written = try AdapterConfiguration(model.configuration(of: .adapter), weights: Scope(ShapeSource()))
    #expect(JSONValue.object(inferred.entries) == JSONValue.object(written.entries))
    // The base is unchanged, except text cross-attention in variants that train it.
    let changed = try changedWeights(of: trained + "/model", from: folder)
    #expect(changed == (variant.trainsTextAttention ? try attentionWeights(in: folder, ["to_k", "to_v"]) : []))
    #expect(!ModelFolder(folder.file("model")).has(.adapter))
  }

  @Test func allOfTextAttentionCanBeTrained() throws {
    let folder = try Self.base.get()
    let variant = AdapterVariant.imageAndTextLoss
    let run = try StageRun(
      .adapter, folder: folder.path, merges: Self.merges, seed: 5, variant: variant, textAttention: .all
    ) { ($0.steps, $0.batch, $0.evaluateEvery, $0.schedule) = (2, 4, 0, LearningRateSchedule(peak: 0.05)) }
    #expect(variant.finishedModel(in: folder.path, seed: 5) == nil)
    _ = try run.run()
    let model = try #require(variant.finishedModel(in: folder.path, seed: 5))
    // Biases start at zero and may still be zero after a few steps.
    let changed = try changedWeights(of: model, from: folder).filter { !$0.hasSuffix(".bias") }
    #expect(try changed == attentionWeights(in: folder, ["to_q", "to_k", "to_v", "to_out.0"]))
  }

  /// Keys of the U-Net's weights that differ from the base's.
  private func changedWeights(of model: String, from folder: TemporaryFolder) throws -> Set<String> {
    let (old, new) = (try weights(folder.file("model")), try weights(model))
    #expect(old.count == new.count)
    return Set(old.keys.filter { old[$0] != new[$0] })
  }

  /// Keys of the weights with these names in the base's text cross-attention.
  private func attentionWeights(in folder: TemporaryFolder, _ names: [String]) throws -> Set<String> {
    let endings = names.map { ".attn2.\($0).weight" }
    let keys = try weights(folder.file("model")).keys.filter { key in endings.contains { key.hasSuffix($0) } }
    #expect(keys.count >= names.count)
    return Set(keys)
  }

  private func weights(_ model: String) throws -> [String: Tensor] {
    let checkpoint = try ModelFolder(model).checkpoint(of: .unet)
    return try Dictionary(uniqueKeysWithValues: checkpoint.keys.map { ($0, try checkpoint.stored($0).tensor) })
  }

  @Test func aSnapshotIsACompleteModelAndTrainingContinues() throws {
    let folder = try Self.base.get()
    let run = try StageRun(.adapter, folder: folder.path, merges: Self.merges, seed: 4, variant: .full) { plan in
      (plan.steps, plan.batch, plan.evaluateEvery, plan.checkpointEvery) = (2, 4, 0, 1)
    }
    #expect(throws: StageError.self) { try run.writeSnapshot(to: folder.file("early")) }
    _ = try run.run()
    #expect(try run.writeSnapshot(to: folder.file("snapshot")) == 2)
    #expect(try Pipeline(folder.file("snapshot")).adapter != nil)
    let (a, b) = (ModelFolder(folder.file("snapshot")), ModelFolder(folder.file("ablation/full-4/model")))
    #expect(try bytes(of: a.path(of: .adapter)) == bytes(of: b.path(of: .adapter)))
  }
}
