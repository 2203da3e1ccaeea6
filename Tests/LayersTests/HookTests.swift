import Layers
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct HookTests {
  private let catalog = HookCatalog()
  private let first: HookPoint
  private let second: HookPoint

  init() {
    let scope = Scope(ShapeSource(), catalog: catalog)
    first = scope["down_blocks"][0]["attn2"].hook(
      "text_pattern", .textAttention, heads: 3, axes: .batch, .head, .query, .key)
    second = scope["up_blocks"][1].hook("output", .blockOutput, axes: .batch, .channel)
  }

  private func session(_ hooks: Hook..., steps: Int? = nil, grids: Set<FeatureGrid>? = nil) throws -> HookSession {
    try HookSession(hooks, catalog: catalog, steps: steps, grids: grids)
  }

  @Test func nobodyWatchesOutsideASession() throws {
    let session = try session(.observe(HookSelection()) { _ in })
    #expect(!first.isWatched())
    #expect(session.during(Moment()) { first.isWatched() })
    #expect(!first.isWatched())
    #expect(first.probabilities() == nil)
  }

  @Test func patternsChooseByNameAndByLayer() throws {
    for (pattern, fits) in [
      ("up_blocks.*", [false, true]), ("*.text_pattern", [true, false]), ("down_blocks.0.attn2", [true, false]),
      ("*", [true, true]), ("up_blocks.?.output", [false, true]),
    ] {
      let session = try session(.observe(HookSelection(patterns: [pattern])) { _ in })
      session.during(Moment()) {
        #expect([first.isWatched(), second.isWatched()] == fits, "\(pattern)")
      }
    }
  }

  @Test func aPatternThatFitsNothingNamesNearOnes() {
    #expect {
      try session(.observe(HookSelection(.textAttention, patterns: ["down_block.0.atn2.*"])) { _ in })
    } throws: { error in
      guard case HookError.noSuchPoint(let pattern, let kinds, let near)? = error as? HookError else { return false }
      return pattern == "down_block.0.atn2.*" && kinds == ["textAttention"]
        && near == ["down_blocks.0.attn2.text_pattern"]
    }
  }

  @Test func stepsHeadsAndSizesThatARunDoesNotHaveAreErrors() {
    #expect(throws: HookError.noSuchStep(step: 9, steps: 4)) {
      try session(.observe(HookSelection(steps: [1, 9])) { _ in }, steps: 4)
    }
    #expect(throws: HookError.noSuchHead(heads: [3], found: 3, point: "down_blocks.0.attn2.text_pattern")) {
      try session(.observe(HookSelection(.textAttention, heads: [3])) { _ in })
    }
    let (asked, met) = (FeatureGrid(height: 5, width: 4), FeatureGrid(height: 8, width: 8))
    #expect(throws: HookError.noSuchGrid(asked: asked, met: [met])) {
      try session(.observe(HookSelection(grids: [asked])) { _ in }, grids: [met])
    }
  }

  @Test func observersSeeTheirStepsAndHeads() throws {
    let seen = Mutex<[(Int, [Int])]>([])
    let session = try session(
      .observe(HookSelection(.textAttention, steps: [1], heads: [2, 0])) { event in
        seen.withLock { $0.append((event.moment.step, event.tensor.shape)) }
        #expect(event.tensor[0, 1, 0, 0] == 2)
      })
    let probabilities = Tensor([0, 1, 2], shape: [1, 3, 1, 1])
    for step in 0..<3 {
      session.during(Moment(step: step)) { #expect(first(probabilities) == probabilities) }
    }
    #expect(seen.withLock { $0.map(\.0) } == [1])
    #expect(seen.withLock { $0.map(\.1) } == [[1, 2, 1, 1]])
  }

  @Test func replacingSomeHeadsLeavesTheOthers() throws {
    let session = try session(
      .replace(HookSelection(.textAttention, heads: [1])) { event in event.tensor * 10 },
      .replace(HookSelection(.textAttention)) { event in event.tensor + 1 })
    session.during(Moment()) {
      #expect(first(Tensor([1, 2, 3], shape: [1, 3, 1, 1])).values == [2, 21, 4])
      #expect(second(Tensor([1, 2], shape: [1, 2])).values == [1, 2])
    }
  }
}
