import Analysis
import Tensors
import TestSupport
import Testing

@Suite struct SubjectRegionsTests {
  @Test func silhouettesCoverCellsByTheirArea() {
    var mask = Tensor.zeros([1, 2, 4, 6])
    for x in 0..<3 { mask[0, 0, 0, x] = 1 }
    let covered = SubjectRegions.silhouettes(mask).covered(height: 2, width: 3, subjects: 2)
    #expect(
      covered.isClose(
        to: Tensor([0.5, 0.25, 0, 0, 0, 0] + [Float](repeating: 0, count: 6), shape: [1, 2, 2, 3]), absolute: 1e-6))
    // The area stays the same even if neither size divides the other.
    let uneven = SubjectRegions.silhouettes(mask).covered(height: 3, width: 5, subjects: 2)
    #expect(abs(uneven.mean().item - mask.mean().item) < 1e-6)
    let boxes = SubjectRegions.boxes([[.whole], []]).covered(height: 1, width: 2, subjects: 2)
    #expect(boxes.values == [1, 1, 0, 0, 0, 0, 0, 0])
  }
}
