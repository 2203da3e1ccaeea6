import Foundation
import Testing
import Training

@Suite struct ConditionDroppingTests {
  @Test func conditionsAreDroppedAsOftenAsPublished() {
    let samples = 40_000
    var (image, text, both, grounding, groundingAndText) = (0, 0, 0, 0, 0)
    for sample in 0..<samples {
      let dropped = ConditionDropping.published.dropped(sample: sample, seed: 3)
      switch (dropped.image, dropped.text) {
      case (true, true): both += 1
      case (true, false): image += 1
      case (false, true): text += 1
      case (false, false): break
      }
      grounding += dropped.grounding ? 1 : 0
      groundingAndText += dropped.grounding && dropped.text ? 1 : 0
    }
    // Within four standard deviations.
    for (count, fraction) in [(image, 0.05), (text, 0.05), (both, 0.05), (grounding, 0.1), (groundingAndText, 0.01)] {
      #expect(abs(Double(count) / Double(samples) - fraction) < 4 * (fraction / Double(samples)).squareRoot())
    }
    #expect(
      (0..<1000).allSatisfy {
        let dropped = ConditionDropping.none.dropped(sample: $0, seed: 1)
        return !dropped.image && !dropped.text && !dropped.grounding
      })
  }
}
