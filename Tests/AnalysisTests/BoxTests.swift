import Analysis
import Tensors
import TestSupport
import Testing

@Suite struct BoxTests {
  @Test func cellsEqualGoldenMasks() throws {
    let golden = try Golden.tensors("components.safetensors")
    let numbers = try #require(golden["masks.boxes"])
    #expect(numbers.shape == [26, 4])
    for side in [4, 5, 7, 8, 10, 16] {
      let expected = try #require(golden["masks.side\(side)"]).values
      let masks = (0..<26).flatMap { row in
        Box(numbers[row, 0], numbers[row, 1], numbers[row, 2], numbers[row, 3])
          .mask(height: side, width: side).values
      }
      #expect(masks == expected, "side \(side)")
    }
  }

  @Test func productsAreRoundedInFloat32() {
    // Ten times the float32 number 0.7 is rounded to 7 in float32; in double precision it is slightly less.
    #expect(Double(Float(0.7)) * 10 < 7)
    #expect(Box(0.7, 0, 1, 1).cells(height: 3, width: 10).columns == 7..<10)
  }

  @Test func rowsAndColumnsAreNotExchanged() {
    let box = Box(0.25, 0.5, 0.75, 1)
    #expect(box.cells(height: 6, width: 8) == Cells(rows: 3..<6, columns: 2..<6))
    #expect(
      box.mask(height: 4, width: 8).values
        == mask("........", "........", "..####..", "..####..").values)
    #expect(box.mask(height: 4, width: 8).shape == [4, 8])
  }

  @Test func cellsAreInsideExactlyWhereTheRuleHolds() {
    var numbers = TestNumbers(1)
    for (height, width) in [(1, 1), (3, 5), (7, 2), (16, 9)] {
      for _ in 0..<50 {
        let box = Box(numbers.next(), numbers.next(), numbers.next(), numbers.next())
        let values = box.mask(height: height, width: width)
        for y in 0..<height {
          for x in 0..<width {
            let inside =
              (box.x0 * Float(width)).rounded(.down) <= Float(x) && Float(x) < (box.x1 * Float(width)).rounded(.up)
              && (box.y0 * Float(height)).rounded(.down) <= Float(y)
              && Float(y) < (box.y1 * Float(height)).rounded(.up)
            #expect(values[y, x] == (inside ? 1 : 0), "\(box) at \(x), \(y) of \(width)×\(height)")
          }
        }
      }
    }
  }

  @Test func theEmptyBoxCoversNothingAndTheWholeBoxEverything() {
    #expect(Box.none.cells(height: 3, width: 4).isEmpty)
    #expect(Box.none.isNone)
    #expect(!Box.whole.isNone)
    #expect(Box.whole.cells(height: 3, width: 4).count == 12)
    #expect(Box(-3, -1e30, 2, 1e30).cells(height: 3, width: 4).count == 12)
  }

  @Test func boxesFromUsersAreChecked() throws {
    #expect(try Box(validating: [0, 0.25, 0.5, 1]) == Box(0, 0.25, 0.5, 1))
    #expect(try Box.none.validated() == .none)
    func problem(_ numbers: [Float]) -> AnalysisError.BoxProblem? {
      do {
        _ = try Box(validating: numbers, as: "box of “a cat”")
        return nil
      } catch AnalysisError.invalidBox(let name, _, let problem) {
        return name == "box of “a cat”" ? problem : nil
      } catch {
        return nil
      }
    }
    #expect(problem([0, 0, 1]) == .count)
    #expect(problem([0, 0, 1, .nan]) == .notFinite)
    #expect(problem([0, 0, .infinity, 1]) == .notFinite)
    #expect(problem([0, 0, 512, 512]) == .outside)
    #expect(problem([-0.1, 0, 1, 1]) == .outside)
    #expect(problem([0.6, 0.2, 0.4, 0.8]) == .reversed)
    #expect(problem([0.1, 0.9, 0.4, 0.8]) == .reversed)
    #expect(problem([0.25, 0.25, 0.25, 0.75]) == .zeroArea)
    #expect(problem([0.25, 0.5, 0.3, 0.5]) == .zeroArea)
    let message = AnalysisError.invalidBox(name: "box of “a cat”", numbers: [0, 0, 512, 512], problem: .outside)
      .description
    #expect(message.contains("“a cat”") && message.contains("512.0") && message.contains("fractions"))
  }

  @Test func aBoxAroundCellsHoldsExactlyThem() {
    for side in 1...160 {
      for edge in 0..<side {
        let cells = Cells(rows: edge..<side, columns: 0..<edge + 1)
        let box = Box(around: cells, height: side, width: side)
        #expect(box.cells(height: side, width: side) == cells)
      }
    }
    #expect(Box(around: Cells(rows: 2..<2, columns: 0..<3), height: 4, width: 5) == .none)
  }

  @Test func aBoxAroundAMask() {
    let picture = mask(".....", "..#..", "...#.")
    #expect(Box(around: picture).cells(height: 3, width: 5) == Cells(rows: 1..<3, columns: 2..<4))
    #expect(Box(around: Tensor.zeros([3, 5])) == .none)
  }

  @Test func overlapOfBoxes() throws {
    let a = Box(0, 0, 0.5, 1)
    #expect(a.intersectionOverUnion(with: a) == 1)
    #expect(a.intersectionOverUnion(with: Box(0.5, 0, 1, 1)) == 0)
    let half = try #require(a.intersectionOverUnion(with: Box(0.25, 0, 0.75, 1)))
    #expect(abs(half - 1.0 / 3) < 1e-12)
    #expect(Box.none.intersectionOverUnion(with: .none) == nil)
    #expect(Box(0.6, 0.2, 0.4, 0.8).intersectionOverUnion(with: a) == 0)
  }
}
