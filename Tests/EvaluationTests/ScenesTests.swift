import Evaluation
import MSDiffusion
import TestSupport
import Testing
import TrainingData

@Suite struct ScenesTests {
  @Test func scenesAreNumberedAndBelongToTheirSplit() {
    let scenes = TestScenes(world, split: .heldOutIdentities, subjects: 2)
    let indices = scenes.indices(count: 30)
    #expect(indices.count == 30 && indices == indices.sorted() && Set(indices).count == 30)
    #expect(scenes.indices(count: 10) == Array(indices.prefix(10)))
    for index in indices {
      let scene = scenes[index]
      #expect(scene.index == index && scene.sample.subjects.count == 2 && scene.identities.count == 2)
      #expect(!scene.plan.combination.hasScene)
      #expect(scene.sample.subjects[0].phrase != scene.sample.subjects[1].phrase)
      #expect(world.isHeldOutPair(scene.identities[0].kind, scene.identities[1].kind))
    }
    var bare = scenes
    bare.includesWorn = false
    #expect(bare.indices(count: 30).allSatisfy { !bare[$0].plan.combination.isWorn })
    #expect(indices.contains { scenes[$0].plan.combination.isWorn })
  }

  @Test func requestsAskForWhatTheSceneShows() {
    let scenes = TestScenes(world, split: .heldOutIdentities, subjects: 1)
    let scene = scenes[scenes.indices(count: 1)[0]]
    let settings = GenerationSettings(steps: 7, guidance: 2, scale: 0.8)
    let request = scene.request(settings)
    #expect(
      request.prompt == scene.sample.caption && request.subjects.map(\.phrase) == [scene.sample.subjects[0].phrase])
    #expect(request.subjects[0].box == scene.sample.subjects[0].box)
    #expect((request.steps, request.guidance, request.scale) == (7, 2, 0.8))
    let empty = scene.emptyRequest(settings)
    #expect(empty.subjects.isEmpty && empty.seed == request.seed)
    #expect(empty.prompt.isEmpty || request.prompt.hasSuffix(empty.prompt) || scene.plan.backdrop.place != nil)
  }

  @Test func imagesOfScenesLieInZeroToOne() {
    let scenes = TestScenes(world, split: .training, subjects: 2, size: 48)
    let scene = scenes[scenes.indices(count: 1)[0]]
    #expect(scene.image.shape == [3, 48, 48] && scene.image.values.allSatisfy { (0...1).contains($0) })
    #expect(scene.image.values.contains { $0 > 0.4 })
  }
}
