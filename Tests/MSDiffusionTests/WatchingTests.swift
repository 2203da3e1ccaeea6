import Analysis
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite(.longNumeric) struct WatchingTests {
  @Test func observingEverythingChangesNoBit() throws {
    let pipeline = try Small.pipeline()
    let count = Mutex(0)
    let watcher = Hook.observe(HookSelection()) { _ in count.withLock { $0 += 1 } }
    let watched = try pipeline.generate(Small.scene(), watching: [watcher])
    let plain = try pipeline.generate(Small.scene())
    #expect(watched.latents == plain.latents)
    #expect(watched.images == plain.images)
    #expect(count.withLock { $0 } > 300)
  }

  @Test func everyKindOfPointIsThere() throws {
    let kinds = Set(try Small.pipeline().hooks.points.map(\.kind))
    #expect(kinds == Set(HookKind.allCases))
    let seen = Mutex<Set<HookKind>>([])
    _ = try Small.pipeline().generate(
      Small.scene(),
      watching: [Hook.observe(HookSelection()) { event in seen.withLock { _ = $0.insert(event.point.kind) } }])
    #expect(seen.withLock { $0 } == Set(HookKind.allCases))
  }

  @Test func latentsAndPredictionsCanBeReplaced() throws {
    let pipeline = try Small.pipeline()
    let zero = Hook.replace(HookSelection(.predictedOriginal)) { .zeros($0.tensor.shape) }
    let result = try pipeline.generate(Small.scene(), watching: [zero])
    // Going to zero in every step ends at zero.
    #expect(result.latents.abs().maximum().item < 1e-4)
    let fixed = Hook.replace(HookSelection(.latents, steps: [2])) { .ones($0.tensor.shape) }
    #expect(try pipeline.generate(Small.scene(), watching: [fixed]).latents.values.allSatisfy { $0 == 1 })
    let same = Hook.replace(HookSelection(.predictedOriginal)) { $0.tensor }
    #expect(try pipeline.generate(Small.scene(), watching: [same]).latents == pipeline.generate(Small.scene()).latents)
  }

  @Test func attentionOfOneHeadCanBeReplaced() throws {
    let pipeline = try Small.pipeline()
    let uniform = Hook.replace(HookSelection(.textAttention, patterns: ["mid_block.*"], heads: [1])) { event in
      Tensor(repeating: 1 / Float(event.tensor.shape[3]), shape: event.tensor.shape)
    }
    let changed = try pipeline.generate(Small.scene(), watching: [uniform]).latents
    #expect(changed != (try pipeline.generate(Small.scene()).latents))
    #expect(changed.isFinite)
  }

  @Test func memoryDoesNotGrowWithSteps() throws {
    let pipeline = try Small.pipeline()
    func bytes(steps: Int) throws -> Int {
      let sums = Mutex(HeatmapAccumulator())
      let watcher = Hook.observe(HookSelection(.textAttention)) { event in
        guard let grid = event.grid else { return }
        sums.withLock {
          try? $0.add(
            event.tensor, height: grid.height, width: grid.width, layer: event.point.layer, step: event.moment.step)
        }
      }
      _ = try pipeline.generate(Small.scene { $0.steps = steps }, watching: [watcher])
      return sums.withLock { $0.byteCount }
    }
    #expect(try bytes(steps: 2) == bytes(steps: 5))
  }

  @Test func aPatternThatFitsNothingIsAnErrorWithNearNames() throws {
    #expect {
      try Small.pipeline().generate(
        Small.scene(),
        watching: [Hook.observe(HookSelection(.textAttention, patterns: ["up_blocks.1.atentions.0.*"])) { _ in }])
    } throws: { error in
      guard case HookError.noSuchPoint(_, _, let near)? = error as? HookError else { return false }
      return near.count == 3 && near[0].hasPrefix("up_blocks.1.attentions.0")
    }
  }
}
