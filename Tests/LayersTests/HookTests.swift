import Layers
import Synchronization
import Tensors
import TestSupport
import Testing

extension HookKind {
  fileprivate static let pattern: HookKind = "pattern"
  fileprivate static let output: HookKind = "output"
}

@Suite struct HookTests {
  private let catalog = HookCatalog()
  private let first: HookPoint
  private let second: HookPoint

  init() {
    let scope = Scope(ShapeSource(), catalog: catalog)
    first = scope["down_blocks"][0]["attn2"].hook(
      "text_pattern", .pattern, heads: 3, axes: .batch, .head, .query, .key)
    second = scope["up_blocks"][1].hook("output", .output, axes: .batch, .channel)
  }

  private func session(_ hooks: Hook..., steps: Int? = nil, grids: Set<FeatureGrid>? = nil) throws -> HookSession {
    try HookSession(hooks, catalog: catalog, outline: RunOutline(steps: steps, grids: grids))
  }

  @Test func pointsAreUnobservedOutsideASession() throws {
    let session = try session(.observe(HookSelection()) { _ in })
    #expect(!first.isObserved())
    #expect(try session.during(Moment()) { first.isObserved() })
    #expect(!first.isObserved())
  }

  @Test func patternsChooseByNameAndByLayer() throws {
    for (pattern, fits) in [
      ("up_blocks.*", [false, true]), ("*.text_pattern", [true, false]), ("down_blocks.0.attn2", [true, false]),
      ("*", [true, true]), ("up_blocks.?.output", [false, true]),
    ] {
      let session = try session(.observe(HookSelection(patterns: [pattern])) { _ in })
      try session.during(Moment()) {
        #expect([first.isObserved(), second.isObserved()] == fits, "\(pattern)")
      }
    }
  }

  @Test func aPatternThatFitsNothingIsAnErrorWithSimilarNames() {
    #expect {
      try session(.observe(HookSelection(.pattern, patterns: ["down_block.0.atn2.*"])) { _ in })
    } throws: { error in
      guard case HookError.noSuchPoint(let pattern, let kinds, let near)? = error as? HookError else { return false }
      return pattern == "down_block.0.atn2.*" && kinds == ["pattern"]
        && near == ["down_blocks.0.attn2.text_pattern"]
    }
  }

  @Test func stepsHeadsAndSizesThatARunDoesNotHaveAreErrors() {
    #expect(throws: HookError.noSuchStep(step: 9, steps: 4)) {
      try session(.observe(HookSelection(steps: [1, 9])) { _ in }, steps: 4)
    }
    #expect(throws: HookError.noSuchHead(heads: [3], found: 3, point: "down_blocks.0.attn2.text_pattern")) {
      try session(.observe(HookSelection(.pattern, heads: [3])) { _ in })
    }
    for selection in [HookSelection(steps: []), HookSelection(grids: []), HookSelection(heads: [])] {
      #expect {
        try session(.observe(selection) { _ in }, steps: 4)
      } throws: { "\($0)".contains("selects an empty list of ") }
    }
    let (asked, met) = (FeatureGrid(height: 5, width: 4), FeatureGrid(height: 8, width: 8))
    #expect(throws: HookError.noSuchGrid(asked: asked, met: [met])) {
      try session(.observe(HookSelection(grids: [asked])) { _ in }, grids: [met])
    }
  }

  @Test func observersSeeTheirStepsAndHeads() throws {
    let seen = Mutex<[(Int?, [Int])]>([])
    let session = try session(
      .observe(HookSelection(.pattern, steps: [1], heads: [2, 0])) { event in
        seen.withLock { $0.append((event.moment.step, event.tensor.shape)) }
        #expect(event.tensor[0, 1, 0, 0] == 2)
      })
    let probabilities = Tensor([0, 1, 2], shape: [1, 3, 1, 1])
    for step in 0..<3 {
      try session.during(Moment(step: step)) { #expect(first(probabilities) == probabilities) }
    }
    #expect(seen.withLock { $0.map(\.0) } == [1])
    #expect(seen.withLock { $0.map(\.1) } == [[1, 2, 1, 1]])
  }

  @Test func replacingSomeHeadsLeavesTheOthers() throws {
    let session = try session(
      .replace(HookSelection(.pattern, heads: [1])) { event in event.tensor * 10 },
      .replace(HookSelection(.pattern)) { event in event.tensor + 1 })
    try session.during(Moment()) {
      #expect(first(Tensor([1, 2, 3], shape: [1, 3, 1, 1])).values == [2, 21, 4])
      #expect(second(Tensor([1, 2], shape: [1, 2])).values == [1, 2])
    }
  }

  @Test func aReplacementOfTheWrongShapeFailsTheSession() throws {
    let count = Mutex(0)
    let session = try session(
      .replace(HookSelection(.output)) { _ in .zeros([3]) },
      .observe(HookSelection(.output)) { _ in count.withLock { $0 += 1 } })
    let tensor = Tensor([1, 2], shape: [1, 2])
    #expect(throws: HookError.wrongShape(point: "up_blocks.1.output", expected: [1, 2], found: [3])) {
      try session.during(Moment()) { #expect(second(tensor) == tensor) }
    }
    #expect(!second.isObserved() && count.withLock { $0 } == 0)
    // The error is kept: every later call in this session throws it too.
    #expect(throws: HookError.self) { try session.during(Moment()) { second(tensor) } }
  }

  @Test func anErrorThrownByAnObserverIsRethrown() throws {
    struct Stop: Error {}
    let session = try session(.observe(HookSelection(.output)) { _ in throw Stop() })
    #expect(throws: Stop.self) { try session.during(Moment()) { second(Tensor([1, 2], shape: [1, 2])) } }
  }

  @Test func hooksOfAnUnfinishedRunAreNotUsedInTheNext() throws {
    let stale = try session(.replace(HookSelection(.output)) { $0.tensor + 1 })
    let tensor = Tensor([1, 2], shape: [1, 2])
    try stale.during(Moment()) {
      // Simulates an abandoned run: a new session starts while the old one is still active.
      let next = try HookSession([], catalog: catalog)
      #expect(try next.during(Moment()) { second(tensor) } == tensor)
    }
  }

  @Test func pointsThatCannotFireInARunAreAnErrorWithTheReason() throws {
    let outline = RunOutline(
      reasonUnavailable: { $0.name.hasPrefix("up_blocks") ? "nothing goes up" : nil }, hasSteps: { _ in false })
    #expect(
      throws: HookError.cannotFire(pattern: "up_*", points: ["up_blocks.1.output"], reason: "nothing goes up")
    ) {
      try HookSession([Hook.observe(HookSelection(patterns: ["up_*"])) { _ in }], catalog: catalog, outline: outline)
    }
    // It is enough if some of the selected points can fire. Selecting steps is an error if no point has steps.
    _ = try HookSession([Hook.observe(HookSelection()) { _ in }], catalog: catalog, outline: outline)
    #expect(throws: HookError.self) {
      try HookSession([Hook.observe(HookSelection(steps: [0])) { _ in }], catalog: catalog, outline: outline)
    }
  }

  @Test func observingAttentionLeavesItsResultBitIdentical() throws {
    var numbers = TestNumbers(3)
    let (query, key) = (numbers.tensor([2, 5, 6], in: -1...1), numbers.tensor([2, 4, 6], in: -1...1))
    let value = numbers.tensor([2, 4, 9], in: -1...1)
    let kept = Tensor([1, 0, 1, 1, 0, 0, 0, 1, 1, 1], shape: [2, 5, 1])
    let plain = first.attend(query, key, value, keeping: kept)
    let seen = Mutex<Tensor?>(nil)
    let session = try session(.observe(HookSelection(.pattern)) { event in seen.withLock { $0 = event.tensor } })
    #expect(try session.during(Moment()) { first.attend(query, key, value, keeping: kept) } == plain)
    let sums = try #require(seen.withLock { $0 }).sum(axes: [3]).mean(axes: [1])
    #expect(sums.isClose(to: kept.reshaped([2, 5]), absolute: 1e-5))
    // A replacement is used even for queries that are not kept.
    let uniform = try self.session(.replace(HookSelection(.pattern)) { .ones($0.tensor.shape) / 4 })
    let replaced = try uniform.during(Moment()) { first.attend(query, key, value, keeping: kept) }
    #expect(replaced.isClose(to: value.mean(axes: [1]).reshaped([2, 1, 9]).broadcast(to: [2, 5, 9]), absolute: 1e-5))
  }
}
