import Analysis
import Tensors
import TestSupport
import Testing
import TrainingData

/// The emoji world with scenes for a small model.
private let readable: EmojiWorld = {
  do {
    return try EmojiWorld(rules: .readable)
  } catch {
    fatalError("\(error)")
  }
}()

@Suite struct SceneRulesTests {
  private func plans(_ split: Split, _ count: Int = 300) -> [ScenePlan] {
    (0..<count).map { readable.plan($0, seed: 4, split: split) }
  }

  @Test func scenesShowOnlyTheKindsOfTheRules() {
    let shown = Set(readable.trainingKinds)
    #expect(shown.count == 45 + 6 && Set(world.trainingKinds).isStrictSuperset(of: shown))
    for split in [Split.training, .heldOutIdentities] {
      let kinds = Set(plans(split).flatMap { $0.figures.map(\.identity.kind) })
      #expect(kinds.isSubset(of: shown) && kinds.count > 40)
      #expect(Set(readable.identities(in: split).map(\.kind)).isSubset(of: shown))
    }
    let candidates = readable.candidates(for: Identity(kind: 0, hue: 5), seed: 1)
    #expect(candidates.count == 20)
    #expect(candidates.allSatisfy { shown.contains($0.kind) || readable.kinds[$0.kind].isHeldOut })
  }

  @Test func nobodyWearsClothes() { #expect(plans(.training).allSatisfy { !$0.combination.isWorn }) }

  @Test func subjectsAreLargeAndApart() {
    for plan in plans(.training, 120) {
      let sample = readable.sample(plan, size: 128, referenceSize: 8)
      let boxes = sample.subjects.map(\.box).filter { $0 != .whole }
      for (index, box) in boxes.enumerated() {
        #expect((0.24...0.72).contains(max(box.x1 - box.x0, box.y1 - box.y0)), "\(sample.caption): \(box)")
        for other in boxes[(index + 1)...] {
          let width = min(box.x1, other.x1) - max(box.x0, other.x0)
          let height = min(box.y1, other.y1) - max(box.y0, other.y0)
          #expect(max(width, 0) * max(height, 0) <= 0.05 * min(box.area, other.area), "\(sample.caption)")
        }
      }
    }
  }

  /// Only in training are hues continuous. They are not held-out ones, and about half of the subjects have natural
  /// hues.
  @Test func huesAreContinuousAndOftenNatural() {
    let subjects = plans(.training).flatMap(\.subjects).map(\.identity).filter {
      readable.kinds[$0.kind].role != .scene
    }
    let natural = subjects.filter { $0.hue == 0 && $0.hueOffset == 0 }
    #expect((0.35...0.6).contains(Double(natural.count) / Double(subjects.count)))
    #expect(Set(subjects.map(\.hueOffset)).count > subjects.count / 3)
    #expect(
      subjects.allSatisfy { abs($0.hueOffset) <= 15 && readable.hues(of: $0.kind, in: .training).contains($0.hue) })
    #expect(plans(.heldOutIdentities).flatMap(\.subjects).allSatisfy { $0.identity.hueOffset == 0 })
    let turned = Identity(kind: 0, hue: 1, hueOffset: 30)
    #expect(
      relativeError(
        readable.reference(of: turned), readable.reference(of: Identity(kind: 0, hue: 2)).values.map(Double.init))
        < 1e-5)
  }

  @Test func subjectsOfAPairStandInEitherOrder() {
    var (left, count) = (0, 0)
    for plan in (0..<600).map({ readable.plan($0, seed: 6, subjects: 2...2) }) where !plan.combination.hasScene {
      let boxes = readable.sample(plan, size: 32, referenceSize: 8).subjects.map(\.box)
      count += 1
      if boxes[0].x0 + boxes[0].x1 < boxes[1].x0 + boxes[1].x1 { left += 1 }
    }
    #expect((0.44...0.56).contains(Double(left) / Double(count)))
  }

  /// A background without detail: neighbouring pixels differ less than in the same background with all its detail.
  @Test func backgroundsHaveLittleDetail() {
    func roughness(_ world: EmojiWorld, _ plan: ScenePlan) -> Float {
      let image = world.emptyScene(plan, size: 96)
      return (image.sliced(axis: 2, 1..<96) - image.sliced(axis: 2, 0..<95)).abs().mean().item
    }
    var (smooth, rough): (Float, Float) = (0, 0)
    for plan in plans(.training, 40) {
      smooth += roughness(readable, plan)
      rough += roughness(world, plan)
    }
    #expect(smooth < 0.6 * rough)
  }
}
