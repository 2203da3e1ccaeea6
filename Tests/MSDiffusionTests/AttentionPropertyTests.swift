import Analysis
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TestSupport
import Testing

/// Properties that the paper states for multi-subject attention, tested on the whole small model.
@Suite(.longNumeric) struct AttentionPropertyTests {
  @Test func rowsSumToOneInsideBoxesAndAreZeroOutside() throws {
    let scene = try Small.scene()
    let pipeline = try Small.pipeline()
    let seen = Mutex(0)
    let observer = Hook.observe(HookSelection(.subjectAttention, steps: [1])) { event in
      guard let grid = event.grid, let rows = event.moment.rows else { return }
      let masks = scene.subjects.map { $0.box.mask(height: grid.height, width: grid.width).reshaped([grid.count]) }
      let sums = event.tensor.sliced(axis: 0, rows).sum(axes: [3])
      for head in 0..<sums.shape[1] {
        for position in 0..<grid.count {
          let inside = masks.contains { $0[position] != 0 }
          #expect(abs(sums[0, head, position] - (inside ? 1 : 0)) < 1e-5)
        }
      }
      let unconditional = event.tensor.sliced(axis: 0, 0..<rows.lowerBound)
      #expect(unconditional.values.allSatisfy { $0 == 0 })
      seen.withLock { $0 += 1 }
    }
    let text = Hook.observe(HookSelection(.textAttention, steps: [1])) { event in
      #expect(event.tensor.sum(axes: [3]).values.allSatisfy { abs($0 - 1) < 1e-4 })
    }
    _ = try pipeline.generate(scene, observing: [observer, text])
    #expect(seen.withLock { $0 } == pipeline.unet.crossAttentionLayers.count)
  }

  @Test func aSubjectsTokensChangeNoPositionOutsideItsBox() throws {
    let pipeline = try Small.pipeline()
    let adapter = try #require(pipeline.adapter)
    let subject = adapter.layers[3]
    let layer = pipeline.unet.crossAttentionLayers[3]
    let grid = FeatureGrid(height: 6, width: 10)
    var numbers = TestNumbers(4)
    let keys = adapter.dummies + 2 * adapter.tokens
    let boxes = [Box(0, 0, 0.5, 0.7), Box(0.6, 0.2, 1, 1)]
    let hidden = numbers.tensor([1, grid.count, layer.width], in: -1...1)
    let text = numbers.tensor([1, 77, layer.contextWidth], in: -1...1)
    let context = numbers.tensor([keys, layer.contextWidth], in: -1...1)
    var other = context
    for token in 0..<adapter.tokens { for c in 0..<layer.contextWidth { other[adapter.dummies + token, c] += 1 } }
    func output(_ context: Tensor) -> Tensor {
      let row = SubjectRow(context: context, boxes: boxes, spans: [2..<3, 5..<6], scale: 0.6)
      let branch = SubjectBranch([subject], dummies: adapter.dummies, tokens: adapter.tokens, rows: [row])
      return layer(hidden, AttentionContext(text, for: [layer], branches: [branch]), on: grid)
    }
    let change = (output(context) - output(other)).abs().maximum(axes: [2]).values
    let mask = boxes[0].mask(height: 6, width: 10).values
    for (difference, inside) in zip(change, mask) {
      if inside == 0 { #expect(difference == 0) } else { #expect(difference > 0) }
    }
  }

  @Test func withScaleZeroTheResultEqualsThatOfTheBaseModel() throws {
    let pipeline = try Small.pipeline()
    let with = try pipeline.generate(Small.scene { $0.scale = 0 })
    let without = try pipeline.generate(Small.scene { $0.subjects = [] })
    #expect(with.latents == without.latents)
  }

  @Test func everyPartOfASceneChangesTheLatents() throws {
    let pipeline = try Small.pipeline()
    let first = try pipeline.generate(Small.scene()).latents
    let changes: [(inout Scene) throws -> Void] = [
      { $0.subjects[0].box = Box(0, 0.25, 0.45, 0.75) }, { $0.subjects[0].phrase = "beach" },
      { $0.subjects[0].image = try Small.photo("rocket.jpg") }, { $0.scale = 0.7 }, { $0.seed = 8 },
      { $0.guidance = 5 },
      { $0.prompt = "a cat and a cup on the sea" }, { $0.negativePrompt = nil }, { $0.dropsGrounding = true },
      {
        $0.subjects[0].scale = 0.1
        $0.subjects[1].scale = 0.6
      },
      { $0.layout.pseudoLayout = PseudoLayout(startStep: 2) }, { $0.layout.masksText = true },
      { $0.layout.zeroesBackground = false }, { $0.subjects[0].crop = Box(0.2, 0.2, 0.8, 0.8) },
    ]
    for (index, change) in changes.enumerated() {
      #expect(try pipeline.generate(Small.scene(change)).latents != first, "change \(index)")
    }
  }

  @Test func referencesHaveNoEffectWithoutBoxesUntilThePseudoLayoutBegins() throws {
    let pipeline = try Small.pipeline()
    func run(_ photo: String, pseudo: Bool) throws -> [Tensor] {
      let scene = try Small.scene { scene in
        for index in scene.subjects.indices { scene.subjects[index].box = .none }
        scene.subjects[0].image = try Small.photo(photo)
        if pseudo { scene.layout.pseudoLayout = PseudoLayout(startStep: 2) }
      }
      return try pipeline.denoising([scene]).map(\.latents)
    }
    #expect(try run("cat.jpg", pseudo: false) == run("rocket.jpg", pseudo: false))
    let (one, other) = (try run("cat.jpg", pseudo: true), try run("rocket.jpg", pseudo: true))
    #expect(one[0] == other[0])
    #expect(one[1] != other[1])
  }

  @Test func allLayersShareAJointLayoutMadeFromCompletedSteps() throws {
    let pipeline = try Small.pipeline()
    let scene = try Small.scene { scene in
      scene.layout.pseudoLayout = PseudoLayout.joint
      scene.layout.pseudoLayout?.startStep = 2
    }
    let run = try pipeline.denoising([scene])
    let names = pipeline.unet.crossAttentionLayers.map(\.name)
    _ = run.next()
    #expect(names.allSatisfy { run.layout?.pseudoLayout(inLayer: $0) == nil })
    _ = run.next()
    let masks = names.compactMap { run.layout?.pseudoLayout(inLayer: $0) }
    #expect(masks.count == names.count)
    // Layers of the same size have the same masks, and every mask is a box.
    let sizes = Dictionary(grouping: masks) { $0.shape[2] }
    for same in sizes.values { #expect(same.allSatisfy { $0 == same[0] }) }
    for mask in masks {
      let boxes = mask.maskBoxes()
      #expect(boxes.contains { !$0.isNone })
      #expect(boxes.flatMap { $0.mask(height: mask.shape[2], width: mask.shape[3]).values } == mask.values)
    }
  }

  @Test func stateDoesNotLeakFromOneRunToTheNext() throws {
    let pipeline = try Small.pipeline()
    let plain = try pipeline.generate(Small.scene()).latents
    _ = try pipeline.generate(Small.scene { $0.layout.pseudoLayout = PseudoLayout(startStep: 1) })
    #expect(try pipeline.generate(Small.scene()).latents == plain)
  }

  /// Appendix K: a phrase's tokens are seen only in its box, whatever the pseudo layout is; a token that two phrases
  /// share belongs to the later one.
  @Test func maskedTextFollowsTheBoxesAndTheLaterPhraseWins() throws {
    let pipeline = try Small.pipeline()
    let patterns = ActivationRecorder(HookSelection(.textAttention, steps: [2]))
    let scene = try Small.scene {
      $0.subjects[1].phrase = "cat and a cup"
      $0.layout.masksText = true
      $0.layout.pseudoLayout = PseudoLayout(startStep: 1)
    }
    let generation = try pipeline.generate(scene, observing: [patterns])
    let spans = try generation.phrases.map { try $0.get() }
    #expect(spans[1].contains(spans[0].lowerBound), "the later phrase contains the earlier one")
    for activation in patterns.activations {
      let grid = try #require(activation.grid)
      let inside = scene.subjects[1].box.mask(height: grid.height, width: grid.width).values
      let conditional = activation.tensor.sliced(axis: 0, 1..<2)
      for (position, inside) in inside.enumerated() {
        for token in spans[1] {
          #expect((conditional[0, 0, position, token] == 0) == (inside == 0), "\(activation.name), \(position)")
        }
      }
    }
  }
}
