import Foundation
import Tensors
import TestSupport
import Testing
import Training

@Suite struct OptimiserTests {
  /// AdamW's formula for one weight, in double precision.
  private struct Reference {
    var (weight, first, second): (Double, Double, Double)

    mutating func step(_ gradient: Double, _ number: Int, rate: Double, _ options: AdamW) {
      weight *= 1 - rate * options.weightDecay
      first = options.firstDecay * first + (1 - options.firstDecay) * gradient
      second = options.secondDecay * second + (1 - options.secondDecay) * gradient * gradient
      let mean = first / (1 - pow(options.firstDecay, Double(number)))
      let square = second / (1 - pow(options.secondDecay, Double(number)))
      weight -= rate * mean / (square.squareRoot() + options.epsilon)
    }
  }

  @Test func adamWFollowsItsFormula() {
    var numbers = TestNumbers(3)
    var weight = numbers.tensor([5, 7], in: -1...1)
    var moments = AdamW.Moments([5, 7])
    var options = AdamW()
    (options.weightDecay, options.secondDecay) = (0.1, 0.99)
    var reference = doubles(weight).map { Reference(weight: $0, first: 0, second: 0) }
    for number in 1...20 {
      let gradient = numbers.tensor([5, 7], in: -3...2)
      options.update(&weight, &moments, gradient: gradient, step: number, rate: 0.02, gradientScale: 0.5)
      for (index, value) in doubles(gradient).enumerated() {
        reference[index].step(0.5 * value, number, rate: 0.02, options)
      }
    }
    #expect(weight.isClose(to: Tensor(reference.map { Float($0.weight) }, shape: [5, 7]), relative: 1e-5))
    #expect(moments.first.isClose(to: Tensor(reference.map { Float($0.first) }, shape: [5, 7]), relative: 1e-5))
    #expect(moments.second.isClose(to: Tensor(reference.map { Float($0.second) }, shape: [5, 7]), relative: 1e-5))
  }

  @Test func vectorsCanBeSparedFromDecay() {
    var options = AdamW()
    options.weightDecay = 0.5
    for (spares, kept) in [(false, Float(0.95)), (true, 1)] {
      options.sparesVectors = spares
      var (vector, matrix) = (Tensor.ones([4]), Tensor.ones([2, 2]))
      var (one, two) = (AdamW.Moments([4]), AdamW.Moments([2, 2]))
      options.update(&vector, &one, gradient: .zeros([4]), step: 1, rate: 0.1)
      options.update(&matrix, &two, gradient: .zeros([2, 2]), step: 1, rate: 0.1)
      #expect(vector == Tensor(repeating: kept, shape: [4]))
      #expect(matrix == Tensor(repeating: 0.95, shape: [2, 2]))
    }
  }

  @Test func largeGradientsAreScaledDown() {
    let gradients = [Tensor([3, 0], shape: [2]), Tensor([4], shape: [1]), .zeros([0])]
    #expect(GradientNorm.global(gradients) == 5)
    #expect(GradientNorm.scale(norm: 5, limit: 1) == Float(1 / (5 + 1e-6)))
    #expect(GradientNorm.scale(norm: 0.5, limit: 1) == 1)
    #expect(GradientNorm.scale(norm: 5, limit: nil) == 1)
    #expect(GradientNorm.global([Tensor([1, .nan], shape: [2])]).isNaN)
  }

  @Test func theDecayOfAveragesWarmsUp() {
    let average = WeightAverage(decay: 0.9)
    #expect(average.decay(step: 1) == 2.0 / 11)
    #expect(average.decay(step: 80) == 0.9 && average.decay(step: 79) < 0.9)
    var value = Tensor([1, 2], shape: [2])
    average.update(&value, towards: Tensor([12, 2], shape: [2]), step: 1)
    #expect(value.isClose(to: Tensor([10, 2], shape: [2]), absolute: 1e-6))
  }

  @Test func learningRatesFollowTheirSchedules() {
    let constant = LearningRateSchedule(peak: 2, warmUp: 4)
    #expect((0..<6).map { constant.rate(step: $0) } == [0.5, 1, 1.5, 2, 2, 2])
    let cosine = LearningRateSchedule(peak: 2, warmUp: 2, course: .cosine(until: 6, floor: 1))
    let rates = (0..<9).map { cosine.rate(step: $0) }
    let expected = [1, 2, 2, 1.5 + 0.5.squareRoot() / 2, 1.5, 1.5 - 0.5.squareRoot() / 2, 1, 1, 1]
    #expect(zip(rates, expected).allSatisfy { abs($0 - $1) < 1e-12 })
  }
}
