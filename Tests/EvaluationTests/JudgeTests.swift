import Analysis
import Evaluation
import Tensors
import TestSupport
import Testing
import TrainingData

@Suite struct JudgeTests {
  private let judge = Judge(world)

  private func identity(_ name: String, hue: Int) throws -> Identity { Identity(kind: try world.kind(name), hue: hue) }

  /// A portrait of an identity on a background of one colour, and its tight box.
  private func picture(_ identity: Identity, turn: Float = 0, background: Float = 0.5) -> (Tensor, Box) {
    let portrait = world.portraits(of: identity, turns: [turn], side: 64, fill: 0.8)[0]
    let colors = portrait.pixels.map { $0 + background * (1 - $0.w) * SIMD4(1, 1, 1, 0) }
    let image = Tensor(colors.map(\.x) + colors.map(\.y) + colors.map(\.z), shape: [3, 64, 64])
    let mask = Tensor(portrait.pixels.map { $0.w > 0 ? 1 : 0 }, shape: [64, 64])
    return (image, Box(around: mask))
  }

  @Test func portraitsFillTheirSquareAndAreMirrored() throws {
    let fox = try identity("fox", hue: 3)
    let portraits = world.portraits(of: fox, turns: [-20, 0, 20], side: 40, fill: 0.8)
    #expect(portraits.count == 6)
    for portrait in portraits {
      let box = Box(around: Tensor(portrait.pixels.map { $0.w > 0 ? 1 : 0 }, shape: [40, 40]))
      #expect(abs(max(box.x1 - box.x0, box.y1 - box.y0) - 0.8) < 0.06)
      #expect(abs(box.x0 + box.x1 - 1) < 0.08 && abs(box.y0 + box.y1 - 1) < 0.08)
    }
    #expect(portraits[0].pixels != portraits[3].pixels)
  }

  @Test func aPictureIsMostSimilarToItsOwnIdentity() throws {
    let fox = try identity("fox", hue: 3)
    let (image, box) = picture(fox)
    let view = judge.view(of: image, in: box)
    let others = [try identity("fox", hue: 7), try identity("owl", hue: 3), try identity("car", hue: 1)]
    let own = judge.similarity(of: view, to: fox)
    #expect(own > 0.85 && own <= 1.0001)
    for other in judge.similarities(of: view, to: others) { #expect(other < own - 0.1) }
    #expect(judge.nearest(to: view, among: others + [fox]) == fox)
    #expect(judge.nearest(to: view, among: []) == nil)
  }

  @Test(arguments: [Float(-25), 18, 25], [Float(0.1), 0.9]) func poseAndBackgroundMatterLittle(
    turn: Float, background: Float
  )
    throws
  {
    let own = try identity("pumpkin", hue: 5)
    let (image, box) = picture(own, turn: turn, background: background)
    let candidates = world.candidates(for: own, seed: 3)
    #expect(judge.nearest(to: judge.view(of: image, in: box), among: candidates) == own)
  }

  /// The judge is right on most rendered scenes of the training split.
  @Test(.longNumeric) func renderedSubjectsAreRecognised() throws {
    for subjects in [1, 2] {
      let scenes = TestScenes(world, split: .training, subjects: subjects)
      let rows = try Evaluator(world: world).judgeCeiling(scenes, count: 20)
      #expect(rows.count == 20)
      #expect(try #require(rows.rate { $0.subjects.map(\.isNearest) }) >= 0.9)
      for row in rows { #expect(row.subjects.count == subjects) }
    }
  }
}
