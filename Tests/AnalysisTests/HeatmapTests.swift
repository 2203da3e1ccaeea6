import Analysis
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct HeatmapTests {
  /// Random maps of two layers of different sizes over three steps, with two heads: in an accumulator, and as one list
  /// of tensors per step.
  private func recorded(_ keeping: HeatmapAccumulator.Keeping) throws -> (HeatmapAccumulator, [[Tensor]]) {
    var numbers = TestNumbers(1)
    var maps = HeatmapAccumulator(keeping: keeping)
    var all: [[Tensor]] = []
    for step in 0..<3 {
      let layers = [numbers.probabilities([1, 2, 12, 5]), numbers.probabilities([1, 2, 6, 5])]
      try maps.add(layers[0], height: 3, width: 4, layer: "fine", step: step)
      try maps.add(layers[1], height: 2, width: 3, layer: "coarse", step: step)
      all.append(layers)
    }
    return (maps, all)
  }

  @Test func meansEqualThoseOfAPlainLoop() throws {
    let (maps, all) = try recorded([.steps, .heads])
    let heatmap = try maps.heatmap("x", tokens: 1..<3, layers: ["fine"], steps: [0, 2], heads: [1])
    for cell in 0..<12 {
      var expected = 0.0
      for step in [0, 2] { for token in 1..<3 { expected += Double(all[step][0][0, 1, cell, token]) / 4 } }
      #expect(abs(Double(heatmap.values.values[cell]) - expected) < 1e-6)
    }
    let sum = try maps.heatmap("x", tokens: [1], layers: ["coarse"], combining: .sum)
    let mean = try maps.heatmap("x", tokens: [1], layers: ["coarse"])
    #expect(sum.values.isClose(to: mean.values * 6, absolute: 1e-5))
  }

  @Test func keepingOnlySumsGivesTheSameMeansInLessMemory() throws {
    let (whole, _) = try recorded([.steps, .heads])
    let (sums, _) = try recorded([])
    #expect(
      try whole.heatmap("x", tokens: [2]).values.isClose(to: sums.heatmap("x", tokens: [2]).values, absolute: 1e-6))
    #expect(sums.byteCount * 6 == whole.byteCount)
    #expect(throws: AnalysisError.self) { try sums.heatmap("x", tokens: [2], steps: [0]) }
    #expect(throws: AnalysisError.self) { try whole.heatmap("x", tokens: [2], steps: [7]) }
    #expect(throws: AnalysisError.self) { try whole.heatmap("x", tokens: [9]) }
    #expect(throws: AnalysisError.self) { try whole.heatmap("x", tokens: [0], layers: ["none"]) }
  }

  @Test func sequencesHaveOneMapPerStep() throws {
    let (maps, _) = try recorded(.steps)
    // Only one layer: with several, maps are resized and clamped, so the mean of the steps would differ.
    for steps in [[], [9]] {
      #expect(throws: AnalysisError.self) { try maps.sequence("x", tokens: [0], layers: ["fine"], steps: steps) }
    }
    let sequence = try maps.sequence("x", tokens: [0], layers: ["fine"])
    #expect(sequence.map(\.provenance.steps) == [[0], [1], [2]])
    let mean = try Heatmap.combined(sequence, label: "x")
    #expect(mean.values.isClose(to: try maps.heatmap("x", tokens: [0], layers: ["fine"]).values, absolute: 1e-5))
    let together = Heatmap.normalizedTogether(sequence)
    #expect(together.map(\.range.upperBound).max() == 1)
    #expect(together.map(\.range.lowerBound).min() == 0)
  }

  @Test func valuesThatAreNotFiniteAreReportedWithTheirPosition() throws {
    var maps = HeatmapAccumulator()
    var bad = Tensor(repeating: 0.5, shape: [1, 1, 6, 2])
    bad[0, 0, 4, 1] = .nan
    #expect {
      try maps.add(bad, height: 2, width: 3, layer: "l", step: 8)
    } throws: { error in
      let text = "\(error)"
      return text.contains("step 8") && text.contains("map row 1") && text.contains("map column 1")
        && text.contains("token 1")
    }
  }

  @Test func mapsAreScaledToTheirOwnOrASharedRange() {
    let map = Heatmap(Tensor([1, 2, 3, 5], shape: [2, 2]), label: "x")
    #expect(map.normalized().values.values == [0, 0.25, 0.5, 1])
    #expect(map.scaled(from: 0...10).values.values == [0.1, 0.2, 0.3, 0.5])
    #expect(map.resized(height: 5, width: 7).values.shape == [5, 7])
    #expect(Heatmap(.ones([2, 2]), label: "x").normalized().values.values == [0, 0, 0, 0])
  }

  @Test func contributionIsTheNormOfWhatIsAdded() {
    // One head, one query: 0.25·[3, 4] and 0.75·[0, 2].
    let probabilities = Tensor([0.25, 0.75], shape: [1, 1, 1, 2])
    let values = Tensor([3, 4, 0, 2], shape: [1, 2, 2])
    #expect(ValueContribution.perKey(probabilities: probabilities, values: values).values == [1.25, 1.5])
    let both = ValueContribution.perGroup(probabilities: probabilities, values: values, groups: [[0, 1], [1]]).values
    #expect(abs(both[0] - Float(0.75 * 0.75 + 2.5 * 2.5).squareRoot()) < 1e-6)
    #expect(both[1] == 1.5)
  }

  @Test func interpolationEndsAreExact() {
    var numbers = TestNumbers(2)
    let (a, b) = (numbers.tensor([3, 5], in: -1...1), numbers.tensor([3, 5], in: -1...1))
    for way in Interpolation.allCases {
      #expect(way(a, b, at: 0) == a)
      #expect(way(a, b, at: 1) == b)
      #expect(way.points(from: a, to: b, count: 4).count == 4)
    }
    let middle = Interpolation.linear(a, b, at: 0.25)
    #expect(middle.isClose(to: a * 0.75 + b * 0.25, absolute: 1e-6))
    // Halfway along the arc between two unit vectors at a right angle.
    let arc = Interpolation.spherical(Tensor([1, 0], shape: [2]), Tensor([0, 1], shape: [2]), at: 0.5)
    #expect(arc.isClose(to: Tensor([0.707_106_8, 0.707_106_8], shape: [2]), absolute: 1e-6))
    #expect(Interpolation.spherical(a, a, at: 0.3).isClose(to: a, absolute: 1e-6))
  }

  @Test func layersAreFusedByWeight() {
    let flat = Tensor(repeating: 0.25, shape: [1, 2, 2])
    let sharp = Tensor([1, 0, 0, 0], shape: [1, 2, 2])
    #expect(LayerFusion.uniform([flat, sharp]).values == [0.625, 0.125, 0.125, 0.125])
    #expect(LayerFusion.concentration([flat, sharp]).isClose(to: sharp, absolute: 1e-5))
    let fine = Tensor(repeating: 1, shape: [1, 4, 4])
    #expect(LayerFusion.resolution([Tensor.zeros([1, 2, 2]), fine]).values.allSatisfy { abs($0 - 0.8) < 1e-6 })
  }

  @Test func intervalsOfProportionsAndMeans() throws {
    let half = try ConfidenceInterval.proportion(successes: 5, trials: 10)
    #expect(abs(half.lower - 0.2366) < 1e-3)
    #expect(abs(half.upper - 0.7634) < 1e-3)
    let mean = try ConfidenceInterval.mean(of: [1, 2, 3, 4, 5], seed: 3)
    #expect(mean.estimate == 3)
    #expect(mean.lower > 1 && mean.lower < 3 && mean.upper > 3 && mean.upper < 5)
    #expect(try ConfidenceInterval.mean(of: [1, 2, 3, 4, 5], seed: 3) == mean)
    #expect(throws: AnalysisError.self) { try ConfidenceInterval.mean(of: []) }
    // The 0.975 quantile of Student's t is 4.30265 with two degrees of freedom, 12.7062 with one, 2.04523 with 29.
    let few = try ConfidenceInterval.student([1, 2, 3])
    #expect(few.estimate == 2 && abs(few.upper - 2 - 4.30265 / 3.0.squareRoot()) < 1e-4)
    #expect(abs(try ConfidenceInterval.student([0, 2]).upper - 1 - 12.7062) < 2e-3)
    let many = (0..<30).map { Double($0 % 2) }
    #expect(abs(try ConfidenceInterval.student(many).upper - 0.5 - 2.04523 * (0.25 / 29).squareRoot()) < 1e-5)
    #expect(throws: AnalysisError.self) { try ConfidenceInterval.student([1]) }
  }
}
