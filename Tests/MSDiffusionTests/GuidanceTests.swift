import Images
import MSDiffusion
import Tensors
import TestSupport
import Testing

@Suite struct GuidanceTests {
  /// The prediction for two scenes with three samples in total, the unconditional half first: `[6, 2, 3, 4]`.
  private let prediction: Tensor = {
    var generator = RandomGenerator(seed: 5)
    return generator.normal([6, 2, 3, 4]) * 1.5 + 0.2
  }()

  @Test(arguments: zip([Float(0.2), 1, 5, 8], [[1, 1, 3], [7, 7, 3], [7, 7, 3], [1, 1, 3]]))
  func eachSampleHasTheGuidanceOfItsScene(noiseLevel: Float, strengths: [Float]) throws {
    let guidance = try #require(
      Guidance([Scene("a cat", guidance: 7, guidanceInterval: 0.5...5, samples: 2), Scene("a dog", guidance: 3)]))
    let found = guidance(prediction, noiseLevel: noiseLevel)
    let values = prediction.values
    let expected = (0..<72).map { (index: Int) -> Float in
      let (without, with) = (values[index], values[index + 72])
      return without + strengths[index / 24] * (with - without)
    }
    #expect(found.isClose(to: Tensor(expected, shape: [3, 2, 3, 4]), relative: 1e-6))
  }

  @Test func thereIsNoGuidanceIfNoStrengthIsAboveOne() {
    #expect(Guidance([Scene("a cat", guidance: 1, guidanceInterval: 0...5), Scene("a dog", guidance: 0)]) == nil)
  }

  @Test func withoutAStepInItsIntervalGuidanceHasNoEffect() throws {
    let pipeline = try Small.pipeline()
    let never = try pipeline.generate(Small.scene { $0.guidanceInterval = 1e6...1e7 }).latents
    let without = try pipeline.generate(Small.scene { $0.guidance = 1 }).latents
    #expect(never.isClose(to: without, relative: 1e-4))
    #expect(never != (try pipeline.generate(Small.scene()).latents))
  }
}
