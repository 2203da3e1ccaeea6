import Analysis
import Checkpoints
import Layers
import MSDiffusion
import Tensors
import TestSupport
import Testing

/// NaN or infinity causes an error that says where it first appeared and holds the latents of the steps before.
@Suite struct FiniteNumberTests {
  /// The golden pipeline with NaN or infinity in one weight of a part.
  private func pipeline(_ part: ModelPart, weight suffix: String, _ number: Float, in folder: TemporaryFolder) throws
    -> Pipeline
  {
    let model = try Small.copy(to: folder)
    let file = try model.weightsFile(of: part)
    let checkpoint = try Checkpoint(file)
    let tensors = try checkpoint.keys.map { key in
      var values = try checkpoint.stored(key).tensor.values
      if key.hasSuffix(suffix) { values[values.count / 2] = number }
      return (key: key, tensor: Tensor(values, shape: checkpoint.shape(of: key) ?? []))
    }
    #expect(tensors.contains { !$0.tensor.isFinite })
    try SafetensorsFile.write(tensors, to: file)
    return try Pipeline(folder.path)
  }

  private func failure(_ body: () throws -> Void) -> (place: String, weight: String?, unfinished: UnfinishedLatents?) {
    let error = #expect(throws: PipelineError.self, performing: body)
    guard case .notFinite(let place, let weight, let unfinished)? = error else { return ("\(error as Any)", nil, nil) }
    return (place, weight, unfinished)
  }

  @Test(arguments: [
    (ModelPart.textEncoder, "layers.0.mlp.fc1.bias", Float.nan, "the text states of the prompt", Int?.none),
    (.secondTextEncoder, "text_projection.weight", .infinity, "the pooled text state of the prompt", nil),
    (.imageEncoder, "layers.0.mlp.fc1.bias", .nan, "the image features of the references", nil),
    (.adapter, "image_proj.norm_out.bias", .nan, "the subject tokens", nil),
    (.unet, "conv_in.bias", -.infinity, "the U-Net's prediction in step 1 of 3", 0),
    (.vae, "decoder.conv_in.weight", .nan, "the decoded image of sample 0", 3),
  ]) func brokenWeightsAreNamed(part: ModelPart, suffix: String, number: Float, place: String, steps: Int?) throws {
    let folder = try TemporaryFolder()
    let broken = try pipeline(part, weight: suffix, number, in: folder)
    let found = failure { _ = try broken.generate(Small.scene()) }
    #expect(found.place.hasPrefix(place))
    #expect(found.weight?.contains(suffix) == true && found.weight?.contains(folder.path) == true)
    #expect(found.unfinished?.steps == steps)
    if steps == 3 {
      #expect(found.unfinished?.latents == (try Small.pipeline().generate(Small.scene()).latents))
    }
  }

  /// If a hook returns infinity, the run ends in that step. The latents of the steps before are kept, also if the
  /// caller runs the loop itself.
  @Test func aHooksInfinityEndsTheRunAndKeepsTheStepsBefore() throws {
    let wrong = Hook.replace(HookSelection(.latents, steps: [1])) { $0.tensor * .infinity }
    let whole = try Small.pipeline().denoising([Small.scene()])
    let first = try #require(try whole.advance()).latents
    let found = failure { _ = try Small.pipeline().generate(Small.scene(), observing: [wrong]) }
    #expect(found.place.hasPrefix("the latents after step 2 of 3") && found.weight == nil)
    #expect(found.unfinished == UnfinishedLatents(steps: 1, latents: first))
    let run = try Small.pipeline().denoising([Small.scene()], observing: [wrong])
    #expect(run.map(\.index) == [0])
    #expect(run.latents == first && run.completedSteps == 1 && run.failure is PipelineError)
  }

  @Test func noiseAndConditionsOfTheCallerAreChecked() throws {
    let pipeline = try Small.pipeline()
    var noise = try pipeline.denoising([Small.scene()]).initialNoise
    noise = noise + Tensor(.nan)
    let scene = try Small.scene { $0.initialNoise = noise }
    #expect(failure { _ = try pipeline.generate(scene) }.place == "the starting noise")
    var conditions = try pipeline.conditions(for: Small.scene())
    conditions.negativeText = conditions.negativeText * .infinity
    let found = failure { _ = try pipeline.generate(Small.scene(), conditions: conditions) }
    #expect(found.place == "the text states of the negative prompt" && found.weight == nil)
  }
}
