import Analysis
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite(.longNumeric) struct ObservingTests {
  @Test func observingEverythingChangesNoBit() throws {
    let pipeline = try Small.pipeline()
    let count = Mutex(0)
    let observer = Hook.observe(HookSelection()) { _ in count.withLock { $0 += 1 } }
    let observed = try pipeline.generate(Small.scene(), observing: [observer])
    let plain = try pipeline.generate(Small.scene())
    #expect(observed.latents == plain.latents)
    #expect(observed.images == plain.images)
    #expect(count.withLock { $0 } > 300)
  }

  @Test func everyPointOfTheCatalogueFiresInOneGeneration() throws {
    let pipeline = try Small.pipeline()
    let recorder = Mutex<[String: Set<Moment.Phase>]>([:])
    let observer = Hook.observe(HookSelection()) { event in
      recorder.withLock { _ = $0[event.point.name, default: []].insert(event.moment.phase) }
    }
    _ = try pipeline.generate(Small.scene(), observing: [observer])
    let seen = recorder.withLock { $0 }
    #expect(Set(seen.keys) == Set(pipeline.hooks.points.map(\.name)))
    for (part, phase) in [
      ("text_encoder.", Moment.Phase.encoding), ("text_encoder_2.", .encoding), ("image_encoder.", .encoding),
      ("ms_adapter.", .encoding), ("down_blocks.", .denoising), ("latents.", .denoising), ("vae.", .decoding),
    ] {
      let phases = seen.filter { $0.key.hasPrefix(part) }.values
      #expect(!phases.isEmpty && phases.allSatisfy { $0 == [phase] }, "\(part)")
    }
    // The autoencoder's encoder is not part of a generation: its points are listed separately.
    #expect(!pipeline.vae.encoderHooks.points.isEmpty)
  }

  @Test func pointsThatCannotFireAreAnError() throws {
    let pipeline = try Small.pipeline()
    func hook(_ pattern: String, steps: Set<Int>? = nil) -> Hook {
      .observe(HookSelection(patterns: [pattern], steps: steps)) { _ in }
    }
    func reason(_ hook: Hook, _ scene: Scene, _ conditions: Conditions? = nil) throws -> String {
      let error = #expect(throws: HookError.self) {
        try pipeline.generate(scene, conditions: conditions, observing: [hook])
      }
      return "\(try #require(error))"
    }
    let (scene, empty) = (try Small.scene(), try Small.scene { $0.subjects = [] })
    #expect(try reason(hook("image_encoder.*"), empty).contains("no scene of this run has a subject"))
    #expect(try reason(hook("*.subject_pattern"), empty).contains("no scene of this run has a subject"))
    #expect(try reason(hook("text_encoder.*"), scene, pipeline.conditions(for: scene)).contains("encoded before"))
    #expect(try reason(hook("text_encoder.*", steps: [1]), scene).contains("before or after the steps"))
    _ = try pipeline.generate(empty, observing: [hook("text_encoder.*"), hook("vae.decoder.*")])
  }

  @Test func activationsAreKeptByNameWithTheirAxes() throws {
    let pipeline = try Small.pipeline()
    let recorder = ActivationRecorder("mid_block.*.text_pattern", "text_encoder.*.layers.0")
    let result = try pipeline.generate(Small.scene(), observing: [recorder])
    let pattern = try #require(recorder.names.first { $0.hasPrefix("mid_block") })
    #expect(recorder[pattern].map(\.moment.step) == [0, 1, 2])
    #expect(recorder[pattern][0].axes == [.batch, .head, .query, .key])
    #expect(recorder[pattern, step: 2]?.shape[3] == 77)
    let texts = recorder["text_encoder.text_model.encoder.layers.0.output"].map(\.moment.subject)
    #expect(texts == ["prompt", "negative prompt", "phrases"])
    // With a second generation the recorder starts anew.
    #expect(try pipeline.generate(Small.scene(), observing: [recorder]).latents == result.latents)
    #expect(recorder[pattern].count == 3)
  }

  @Test func aHookThatFailsEndsTheRunWithItsError() throws {
    let pipeline = try Small.pipeline()
    let wrong = Hook.replace(HookSelection(.latents, steps: [1])) { _ in .zeros([1]) }
    let plain = try pipeline.generate(Small.scene()).latents
    #expect(throws: HookError.wrongShape(point: "latents.sample", expected: [1, 4, 8, 12], found: [1])) {
      try pipeline.generate(Small.scene(), observing: [wrong])
    }
    let run = try pipeline.denoising([Small.scene()], observing: [wrong])
    #expect(Array(run).count == 1 && run.failure is HookError)
    #expect(throws: HookError.self) { try run.advance() }
    // The hook has no effect on the next generation.
    #expect(try pipeline.generate(Small.scene()).latents == plain)
  }

  @Test func theDenoiserCanBeWrapped() throws {
    struct Louder: Denoiser {
      let inner: any Denoiser
      var configuration: UNetConfiguration { inner.configuration }
      var crossAttentionLayers: [CrossAttention] { inner.crossAttentionLayers }
      func callAsFunction(
        _ latents: Tensor, timesteps: [Float], context: AttentionContext, added: AddedConditions?,
        residuals: ExtraResiduals?
      ) -> Tensor {
        inner(latents, timesteps: timesteps, context: context, added: added, residuals: residuals) * 2
      }
    }
    var pipeline = try Small.pipeline()
    let plain = try #require(try pipeline.denoising([Small.scene()]).advance()).prediction
    pipeline.denoiser = Louder(inner: pipeline.denoiser)
    #expect(try #require(try pipeline.denoising([Small.scene()]).advance()).prediction == plain * 2)
  }

  @Test func latentsAndPredictionsCanBeReplaced() throws {
    let pipeline = try Small.pipeline()
    let zero = Hook.replace(HookSelection(.predictedOriginal)) { .zeros($0.tensor.shape) }
    let result = try pipeline.generate(Small.scene(), observing: [zero])
    // When every step predicts zero, the latents end at zero.
    #expect(result.latents.abs().maximum().item < 1e-4)
    let fixed = Hook.replace(HookSelection(.latents, steps: [2])) { .ones($0.tensor.shape) }
    #expect(try pipeline.generate(Small.scene(), observing: [fixed]).latents.values.allSatisfy { $0 == 1 })
    let same = Hook.replace(HookSelection(.predictedOriginal)) { $0.tensor }
    #expect(try pipeline.generate(Small.scene(), observing: [same]).latents == pipeline.generate(Small.scene()).latents)
  }

  @Test func attentionOfOneHeadCanBeReplaced() throws {
    let pipeline = try Small.pipeline()
    let uniform = Hook.replace(HookSelection(.textAttention, patterns: ["mid_block.*"], heads: [1])) { event in
      Tensor(repeating: 1 / Float(event.tensor.shape[3]), shape: event.tensor.shape)
    }
    let changed = try pipeline.generate(Small.scene(), observing: [uniform]).latents
    #expect(changed != (try pipeline.generate(Small.scene()).latents))
    #expect(changed.isFinite)
  }

  @Test func memoryDoesNotGrowWithSteps() throws {
    let pipeline = try Small.pipeline()
    func bytes(steps: Int) throws -> Int {
      let recorder = AttentionRecorder(.text)
      _ = try pipeline.generate(Small.scene { $0.steps = steps }, observing: [recorder])
      return try recorder.maps().byteCount
    }
    #expect(try bytes(steps: 2) == bytes(steps: 5) && bytes(steps: 2) > 0)
  }

  @Test func aPatternThatFitsNothingIsAnErrorWithSimilarNames() throws {
    #expect {
      try Small.pipeline().generate(
        Small.scene(),
        observing: [Hook.observe(HookSelection(.textAttention, patterns: ["up_blocks.1.atentions.0.*"])) { _ in }])
    } throws: { error in
      guard case HookError.noSuchPoint(_, _, let near)? = error as? HookError else { return false }
      return near.count == 3 && near[0].hasPrefix("up_blocks.1.attentions.0")
    }
  }
}
