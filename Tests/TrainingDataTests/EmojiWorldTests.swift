import Tensors
import Testing
import TrainingData

@Suite struct EmojiWorldTests {
  private let world: EmojiWorld

  init() throws { world = try EmojiWorld() }

  @Test func samplesAreAPureFunctionOfTheirArguments() throws {
    let other = try EmojiWorld()
    for index in 0..<20 {
      let (first, second) = (world.sample(index, seed: 5), other.sample(index, seed: 5))
      #expect(first.caption == second.caption && first.image == second.image)
      for (a, b) in zip(first.subjects, second.subjects) {
        #expect(a.silhouette == b.silhouette && a.reference == b.reference && a.box == b.box)
      }
    }
  }
}
