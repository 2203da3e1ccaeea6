import Analysis
import Evaluation
import MSDiffusion
import Tensors
import TestSupport
import Testing
import TrainingData

@Suite struct MeasureTests {
  /// A grey image that is brighter inside each box, by the number next to the box.
  private func image(_ boxes: [(Box, Float)]) -> Tensor {
    boxes.reduce(Tensor(repeating: 0.2, shape: [3, 32, 32])) { $0 + $1.0.mask(height: 32, width: 32) * $1.1 }
  }

  @Test func aSubjectLandsWhereTheImageDiffersFromTheEmptyOne() {
    let (here, there) = (Box(0.1, 0.1, 0.4, 0.4), Box(0.6, 0.5, 0.9, 0.8))
    let landing = Difference(image([(here, 0.6)]), image([]))
    #expect(landing.isCentred(in: here) && !landing.isCentred(in: there))
    // A smaller spot elsewhere moves the centroid of all differences, but not that of the largest connected part.
    let apart = Difference(image([(here, 0.5), (Box(0.6, 0.6, 0.85, 0.85), 0.8)]), image([]))
    #expect(!apart.isCentred(in: Box(0.1, 0.1, 0.3, 0.3)) && apart.largestIsCentred(in: here))
    #expect(!Difference(image([]), image([])).isCentred(in: .whole))
  }

  @Test func variantNamesAreUniqueAndExactBoxesAreFound() {
    let names = LayoutVariant.all.map(\.name)
    #expect(Set(names).count == names.count && names.contains(LayoutVariant.published.name))
    let boxes = [[Box(0.25, 0.25, 0.75, 0.5), Box(0, 0.5, 0.5, 1)]]
    let layers = [4, 8].map { side in
      Tensor.stacked(boxes[0].map { $0.mask(height: side, width: side) }, axis: 0).reshaped([1, 2, side, side])
    }
    for variant in LayoutVariant.all where variant.rule.fusion == nil {
      #expect(variant.overlaps(layers, with: boxes, side: 16) == [[1, 1]], "\(variant.name)")
    }
    let wrong = LayoutVariant.published.overlaps(layers, with: [[boxes[0][1], boxes[0][0]]], side: 16)
    #expect(wrong[0].allSatisfy { $0 < 0.3 })
  }

  @Test func candidatesIncludeTheScenesOtherSubjects() {
    let recognition = Recognition(judge: Judge(world))
    let scenes = TestScenes(world, split: .heldOutIdentities, subjects: 2)
    let scene = scenes[scenes.indices(count: 1)[0]]
    for subject in 0..<2 {
      let candidates = recognition.candidates(for: subject, of: scene)
      #expect(candidates.count == 20 && Set(candidates).count == 20)
      #expect(candidates[0] == scene.identities[subject] && candidates[1] == scene.identities[1 - subject])
      let own = candidates[0]
      #expect(candidates.dropFirst().count { $0.kind == own.kind } >= 4)
      #expect(candidates.dropFirst().count { $0.kind != own.kind && $0.hue == own.hue } >= 4)
    }
  }
}
