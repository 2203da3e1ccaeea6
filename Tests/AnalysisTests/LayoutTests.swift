import Analysis
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct LayoutTests {
  @Test func theRuleCutsTheStretchedMeanStrictlyAboveTheThreshold() {
    var maps = RunningMaps()
    // The means are 0, 2, 4, 3; stretched to 0…1 they are 0, just below 0.5, just below 1, and 0.75.
    maps.add(Tensor([0, 1, 3, 3], shape: [1, 2, 2]))
    let rule = PseudoLayout(threshold: .fixed(0.5), startStep: 2)
    #expect(rule.masks(of: maps) == nil)
    maps.add(Tensor([0, 3, 5, 3], shape: [1, 2, 2]))
    #expect(rule.masks(of: maps)?.values == [0, 0, 1, 1])
    #expect(PseudoLayout.published.startStep == 5)
    #expect(PseudoLayout.published.threshold == .fixed(0.5))
    // A constant map has an empty mask.
    #expect(rule.masks(of: Tensor(repeating: 0.3, shape: [2, 3])).values.allSatisfy { $0 == 0 })
  }

  @Test func shortMemoryWeighsEarlierMapsLess() {
    var maps = RunningMaps(decay: 0.5)
    for value in [8, 2, 4] as [Float] { maps.add(Tensor(repeating: value, shape: [1, 1])) }
    // Weights 1/4, 1/2, 1.
    #expect(maps.mean?.values == [(8 * 0.25 + 2 * 0.5 + 4) / 1.75])
  }

  @Test func jointLayoutsHaveEachLayersSize() throws {
    // The subject is on the left in the coarse layer, in the upper left corner of the fine one, with a speck far away.
    let coarse = Tensor([1, 0, 1, 0], shape: [1, 2, 2])
    let fine = Tensor(
      [
        1, 1, 0, 0,
        1, 0.4, 0, 0,
        0, 0, 0, 0,
        0, 0, 0, 0.9,
      ], shape: [1, 4, 4])
    func recorded(_ map: Tensor, steps: Int = 2) -> RunningMaps {
      var maps = RunningMaps()
      for _ in 0..<steps { maps.add(map) }
      return maps
    }
    var rule = PseudoLayout(
      threshold: .fixed(0.65), largestPart: .eight, fusion: .uniform, usesBoxes: true, startStep: 2)
    let boxes = try #require(rule.masks(of: [recorded(coarse), recorded(fine)]))
    #expect(boxes[1] == mask("##..", "##..", "....", "....").reshaped([1, 4, 4]))
    #expect(boxes[0].values == [1, 0, 0, 0])
    // Masks lack the cells that only the box covers.
    rule.usesBoxes = false
    let masks = try #require(rule.masks(of: [recorded(coarse), recorded(fine)]))
    #expect(masks[1].values[5] == 0 && masks[1].values[0] == 1 && masks[1].values[15] == 0)
    // There is no joint layout before every layer has enough steps, or if each layer has its own layout.
    #expect(rule.masks(of: [recorded(coarse), recorded(fine, steps: 1)]) == nil)
    rule.fusion = nil
    #expect(rule.masks(of: [recorded(coarse), recorded(fine)]) == nil)
    #expect(PseudoLayout.published.fusion == nil && PseudoLayout.published.decay == 1)
  }

  @Test func otsuSeparatesTwoLevels() {
    let map = Tensor([0.1, 0.12, 0.11, 0.8, 0.82, 0.1], shape: [2, 3])
    #expect(PseudoLayout(threshold: .otsu).masks(of: map).values == [0, 0, 0, 1, 1, 0])
    #expect(map.otsuThreshold() == 0.12)
  }

  @Test func onlyTheLargestPartStays() {
    let picture = mask("##...", "#....", "...##", "..#..")
    #expect(picture.largestPart(connectivity: .eight) == mask("##...", "#....", ".....", "....."))
    #expect(picture.largestPart(connectivity: .four) == mask("##...", "#....", ".....", "....."))
    let diagonal = mask("#....", ".#...", "..#..", "...##")
    #expect(diagonal.largestPart(connectivity: .eight) == diagonal)
    #expect(diagonal.largestPart(connectivity: .four) == mask(".....", ".....", ".....", "...##"))
  }

  @Test func holesAreFilledAndBaysAreNot() {
    #expect(mask("####", "#..#", "##.#", "###.").holesFilled() == mask("####", "####", "####", "###."))
    #expect(mask("###", "#..", "###").holesFilled() == mask("###", "#..", "###"))
  }

  @Test func masksBecomeBoxes() {
    #expect(Box(around: mask("....", ".##.", "....")) == Box(0.25, 1.0 / 3, 0.75, 2.0 / 3))
    #expect(Box(around: mask("...", "...")).isNone)
  }

  @Test func measuresOfAMapAndAMask() throws {
    let map = Tensor([1, 2, 3, 4], shape: [2, 2])
    #expect(inBoxMass(of: map, inside: mask(".#", ".#")) == 0.6)
    #expect(pointingHit(of: map, inside: mask("..", ".#")) == 1)
    #expect(pointingHit(of: map, inside: mask("##", "#.")) == 0)
    #expect(pointingHit(of: Tensor([4, 2, 3, 4], shape: [2, 2]), inside: mask("#.", "..")) == 0.5)
    #expect(intersectionOverUnion(mask("##", ".."), mask(".#", ".#")) == 1.0 / 3)
    #expect(intersectionOverUnion(mask("..", ".."), mask("..", "..")) == nil)
    #expect(inBoxMass(of: .zeros([2, 2]), inside: mask("##", "##")) == nil)
  }

  @Test func cellsCountByTheFractionThatABoxCovers() throws {
    // The box covers half of each cell's height and half of its width.
    let box = Box(0.25, 0.25, 0.75, 0.75)
    #expect(box.coverage(height: 2, width: 2).values == [0.25, 0.25, 0.25, 0.25])
    #expect(box.coverage(height: 4, width: 4) == box.mask(height: 4, width: 4))
    let odd = Box(0.1, 0.2, 0.55, 0.9)
    for (height, width) in [(1, 1), (3, 5), (4, 4), (16, 16), (7, 2)] {
      #expect(abs(odd.coverage(height: height, width: width).mean().item - odd.area) < 1e-6)
      // A uniform map scores chance, the box's area, at every size.
      let uniform = BoxFit(of: .ones([height, width]), odd)
      let (mass, lift) = (try #require(uniform.inBoxMass), try #require(uniform.lift))
      #expect(abs(mass - Double(odd.area)) < 1e-6 && abs(uniform.chance - Double(odd.area)) < 1e-6)
      #expect(abs(uniform.pointingHit - uniform.chance) < 1e-6 && abs(lift - 1) < 1e-6)
    }
    #expect(BoxFit(of: .zeros([2, 2]), box).inBoxMass == nil)
    #expect(BoxFit(of: Tensor([0, 0, 0, 1], shape: [2, 2]), Box(0.5, 0.5, 1, 1)).lift == 4)
  }

  @Test func resizedMapsStayWithinTheirRange() {
    var map = Tensor.zeros([4, 4])
    (map[1, 1], map[2, 2]) = (1, 1)
    let heatmap = Heatmap(map, label: "x").resized(height: 33, width: 29)
    #expect(heatmap.range.lowerBound == 0 && heatmap.range.upperBound <= 1)
    let raised = Heatmap(map * 0.5 + 0.25, label: "x").resized(height: 33, width: 29)
    #expect(raised.range.lowerBound >= 0.25 && raised.range.upperBound <= 0.75)
  }

  @Test func crossEntropyOfMapsAndRegions() {
    let maps = Tensor([0.5, 0.2, 0.9, 0.1, 0.3, 0.3, 0.3, 0.3], shape: [1, 2, 2, 2])
    let regions = Tensor([1, 0, 0.5, 0, 1, 1, 1, 1], shape: [1, 2, 2, 2])
    let valid = Tensor([1, 0], shape: [1, 2])
    let expected = -(log(0.5) + log(0.8) + 0.5 * (log(0.9) + log(0.1)) + log(0.9)) / 4
    #expect(
      abs(Double(AttentionLoss.crossEntropy(maps: [maps], regions: [regions], valid: valid).item) - expected) < 1e-5)
    // For a map A and a region M the gradient is (A − M) / (A (1 − A)) divided by the number of pixels. It is 0 for
    // subjects that are not valid.
    let variable = Tape.variable(maps)
    let loss = AttentionLoss.crossEntropy(maps: [variable], regions: [regions], valid: valid)
    let gradient: [Float] = [-2, 1.25, 4.444444, 1.111111, 0, 0, 0, 0].map { $0 / 4 }
    #expect(
      Tape.gradients(of: loss, for: [variable])[0].isClose(to: Tensor(gradient, shape: maps.shape), relative: 1e-4))
    // The loss is finite where maps are exactly 0 or 1, and 0 if no subject is valid.
    let sharp = AttentionLoss.crossEntropy(maps: [regions], regions: [1 - regions], valid: valid).item
    #expect(sharp.isFinite && sharp > 5)
    #expect(AttentionLoss.crossEntropy(maps: [maps], regions: [regions], valid: .zeros([1, 2])).item == 0)
  }

  @Test func lossOfEquationSeven() {
    let maps = [Tensor([1, 1, 2, 4], shape: [1, 1, 2, 2])]
    let regions = [mask("..", "##").reshaped([1, 1, 2, 2])]
    #expect(abs(AttentionLoss.value(maps: maps, regions: regions).item - 0.0625) < 1e-6)
    // The gradient equals a central difference.
    let gradient = AttentionLoss.gradients(maps: maps, regions: regions)[0]
    for index in 0..<4 {
      func loss(_ step: Float) -> Double {
        var values = maps[0].values
        values[index] += step
        return Double(AttentionLoss.value(maps: [Tensor(values, shape: [1, 1, 2, 2])], regions: regions).item)
      }
      let difference = (loss(0.01) - loss(-0.01)) / 0.02
      #expect(abs(difference - Double(gradient.values[index])) < 1e-4)
    }
  }

  @Test func lossAgreesWithGoldenNumbers() throws {
    let golden = try Golden.tensors("components.safetensors")
    let boxes = try #require(golden["attention_loss.boxes"]).values
    let rows = (0..<2).map { b in
      (0..<2).map { r in
        Box(boxes[b * 8 + r * 4], boxes[b * 8 + r * 4 + 1], boxes[b * 8 + r * 4 + 2], boxes[b * 8 + r * 4 + 3])
      }
    }
    let maps = try (0..<2).map { try #require(golden["attention_loss.map\($0)"]) }
    let regions = maps.map { AttentionLoss.regions(of: rows, height: $0.shape[2], width: $0.shape[3]) }
    let value = AttentionLoss.value(maps: maps, regions: regions).item
    #expect(abs(value - (try #require(golden["attention_loss.value"])).values[0]) < 1e-6)
  }
}
