import Analysis
import Foundation
import Images
import Plotting
import Tensors
import TestSupport
import Testing

@Suite struct PlottingTests {
  private let red = PixelImage(width: 20, height: 10, red: 200)

  /// Whether any pixel in a rectangle of the image differs from white.
  private func hasInk(_ image: PixelImage, x: Range<Int>, y: Range<Int>) -> Bool {
    y.contains { row in x.contains { image[$0, row] != (255, 255, 255) } }
  }

  @Test(arguments: [ColorMap.viridis, .magma, .cividis])
  func lightnessRisesEvenly(map: ColorMap) {
    let lightness = (0...40).map { map(Double($0) / 40).lightness }
    let steps = zip(lightness, lightness.dropFirst()).map { $1 - $0 }
    #expect(steps.allSatisfy { $0 > 0 })
    let mean = steps.reduce(0, +) / Double(steps.count)
    #expect(steps.allSatisfy { $0 < 2.2 * mean })
    #expect(lightness[40] - lightness[0] > 55)
  }

  /// If a font file were missing or broken, libgd would draw nothing, or use a different font, without reporting an
  /// error.
  @Test func fontsAreFoundOrTheReasonIsReported() throws {
    let folder = try TemporaryFolder()
    #expect(throws: PlotError.noFont(name: "DejaVuSans.ttf", searched: [folder.path], reason: "no such file")) {
      try Fonts.find("DejaVuSans.ttf", in: [folder.path])
    }
    let broken = try folder.write(Array("no font".utf8), as: "DejaVuSans.ttf")
    let error = #expect(throws: PlotError.self) { try Fonts.find("DejaVuSans.ttf", in: [folder.path]) }
    #expect(!"\(try #require(error))".contains("no such file"))
    try FileManager.default.removeItem(atPath: broken)
    let found = try Fonts.find("DejaVuSans.ttf")
    try FileManager.default.createSymbolicLink(atPath: broken, withDestinationPath: found)
    #expect(try Fonts.find("DejaVuSans.ttf", in: [folder.path]) == broken)
  }

  @Test func divergingIsLightInTheMiddleAndDarkAtBothEnds() {
    #expect(ColorMap.diverging(0.5).lightness > 95)
    #expect(ColorMap.diverging(0).lightness < 40)
    #expect(ColorMap.diverging(1).lightness < 45)
    #expect(ColorMap.diverging(-3) == ColorMap.diverging(0))
  }

  @Test func distinctColoursAreApart() {
    let colors = Color.distinct
    for (index, one) in colors.enumerated() {
      for other in colors[(index + 1)...] {
        let distance =
          abs(Int(one.red) - Int(other.red)) + abs(Int(one.green) - Int(other.green))
          + abs(Int(one.blue) - Int(other.blue))
        #expect(distance > 80)
      }
    }
  }

  @Test func panelsAreInPositionAndNothingTouchesTheEdge() throws {
    let grid = Grid(
      [
        [Panel(red), nil],
        [Panel(red).bordered(.black), Panel(red).captioned("a caption long enough to need two lines")],
      ],
      rowTitles: ["first row", "second row"], columnTitles: ["left", "right"], title: "A title",
      caption: "A caption.", colorBar: ColorBar(label: "meaning"), panelWidth: 100)
    let image = try grid.image()
    for x in 0..<image.width {
      #expect(image[x, 0] == (255, 255, 255) && image[x, image.height - 1] == (255, 255, 255))
    }
    for y in 0..<image.height {
      #expect(image[0, y] == (255, 255, 255) && image[image.width - 1, y] == (255, 255, 255))
    }
    let reds = (0..<image.width * image.height).count { image.pixels[3 * $0] == 200 && image.pixels[3 * $0 + 1] == 0 }
    #expect(abs(reds - 3 * 100 * 50) < 600)
    #expect(image == (try grid.image()))
  }

  @Test func aMapsColoursAreThoseOfItsScale() throws {
    let map = Tensor([0, 1, 2, 4], shape: [2, 2])
    let image = try Grid([[Panel(map: map, range: 0...4)]], panelWidth: 100).image()
    let colors = [0, 64, 128, 255].map { ColorMap.viridis(Double($0) / 255) }
    for color in colors {
      let count = (0..<image.width * image.height).count {
        (image.pixels[3 * $0], image.pixels[3 * $0 + 1], image.pixels[3 * $0 + 2]) == (
          color.red, color.green, color.blue
        )
      }
      #expect(abs(count - 2500) < 60)
    }
    #expect(throws: PlotError.self) { try Panel(map: Tensor([.nan], shape: [1, 1])) }
    #expect(throws: PlotError.self) { try Panel(map: Tensor([1], shape: [1])) }
  }

  @Test func boxesAreDrawnInTheirPositions() throws {
    let white = PixelImage(width: 10, height: 10, red: 255, green: 255, blue: 255)
    let plain = try Grid([[Panel(white)]], panelWidth: 200).image()
    let boxed = try Grid([[Panel(white).boxed(Box(0.25, 0.5, 0.75, 1), "x", color: .distinct(1))]], panelWidth: 200)
      .image()
    let changed = (0..<plain.width * plain.height).filter { plain.pixels[3 * $0] != boxed.pixels[3 * $0] }
    let (xs, ys) = (changed.map { $0 % plain.width }, changed.map { $0 / plain.width })
    let left = try #require((0..<plain.width).first { plain[$0, 100] != (255, 255, 255) }) + 1
    #expect(abs(xs.min()! - (left + 50)) <= 2 && abs(xs.max()! - (left + 150)) <= 2)
    #expect(ys.max()! - ys.min()! >= 98)
    #expect(try Grid([[Panel(white).boxed(.none, "x", color: .black)]], panelWidth: 200).image() == plain)
  }

  @Test func chartsShowTheirNumbers() throws {
    let chart = LineChart(
      [
        Series("up", x: [0, 1, 2], y: [0, 1, 4], band: [0...1, 0...2, 3...5]),
        Series("down", x: [0, 1, 2], y: [4, 2, 0]),
      ],
      xLabel: "x", yLabel: "y")
    let image = try chart.image()
    let orange = Color.distinct(0)
    let positions = (0..<image.width * image.height).filter {
      (image.pixels[3 * $0], image.pixels[3 * $0 + 1], image.pixels[3 * $0 + 2]) == (
        orange.red, orange.green, orange.blue
      )
    }
    // The rising line: low at its left end, high at its right end; the legend is to the right of it.
    let columns = Dictionary(grouping: positions) { $0 % image.width }
    let (first, last) = (
      try #require(columns.keys.min()), try #require(columns.keys.filter { $0 < image.width * 3 / 4 }.max())
    )
    #expect(columns[first]!.map { $0 / image.width }.max()! > columns[last]!.map { $0 / image.width }.max()! + 50)
    #expect(throws: PlotError.self) { try LineChart([Series("a", x: [1], y: [.nan])], xLabel: "", yLabel: "").image() }
    #expect(throws: PlotError.self) { try LineChart([], xLabel: "", yLabel: "").image() }
    let bars = BarChart(
      groups: ["a", "b"], [.init("one", [1, 3], errors: [0.2, 0.5]), .init("two", [-1, 2])], yLabel: "y")
    let drawn = try bars.image()
    #expect(hasInk(drawn, x: 0..<drawn.width, y: 0..<drawn.height))
    #expect(throws: PlotError.self) { try BarChart(groups: ["a"], [.init("one", [1, 2])], yLabel: "").image() }
  }

  @Test func oneValueAloneHasAnAxisAroundIt() throws {
    let lines = [
      LineChart([Series("zero", x: [0, 1], y: [0, 0])], xLabel: "", yLabel: ""),
      LineChart([Series("point", x: [1e12], y: [3])], xLabel: "", yLabel: ""),
      LineChart([Series("flat", x: [0, 1], y: [2, 2])], xLabel: "", yLabel: "", yRange: 2...2),
    ]
    let orange = Color.distinct(0)
    for image in try lines.map({ try $0.image() }) {
      // Markers are halfway up; the legend is to the right of them.
      let rows = (0..<image.height).filter { row in
        (0..<image.width * 3 / 4).contains { image[$0, row] == (orange.red, orange.green, orange.blue) }
      }
      let middle = Double(try #require(rows.min()) + rows.max()!) / 2
      #expect(abs(middle - Double(image.height) / 2) < 40)
    }
    let bars = try BarChart(groups: ["a"], [.init("none", [0])], yLabel: "").image()
    #expect(hasInk(bars, x: 0..<bars.width, y: 0..<bars.height))
  }

  @Test func tableRowsFitTheirTextAndGaugesAreInPosition() throws {
    let gauge = Table.Gauge(value: 0.5, interval: 0.4...0.6, chance: 0.1, target: 0.9, color: .distinct(0))
    func table(_ text: String) -> Table {
      Table(columns: ["what", "gauge"], widths: [80, 200], rows: [[Table.Cell(text), Table.Cell(gauge)]])
    }
    let low = try table("short").image()
    let high = try table("a text of so many words that they take several lines").image()
    #expect(low.width == high.width && high.height > low.height + 30)
    let orange = Color.distinct(0)
    let columns = (0..<low.width * low.height).filter {
      (low.pixels[3 * $0], low.pixels[3 * $0 + 1], low.pixels[3 * $0 + 2]) == (orange.red, orange.green, orange.blue)
    }.map { $0 % low.width }
    // The second column begins after the margin (24 pixels), the first column (80) and the gap (18).
    let middle = try #require(columns.min().map { Double($0 + (columns.max() ?? $0)) / 2 })
    #expect(abs(middle - (24 + 80 + 18 + 100)) < 2)
    #expect(throws: PlotError.self) { try Table(columns: ["a"], widths: [], rows: []).image() }
    #expect(throws: PlotError.self) {
      try Table(columns: ["a"], widths: [50], rows: [[Table.Cell("1"), Table.Cell("2")]]).image()
    }
  }

  @Test func stacksAndAnimationsHoldAllTheirParts() throws {
    let stack = try Stack([red, red], title: "Two", caption: "below each other").image()
    #expect(stack.height > 20 && stack.width == 20)
    let folder = try TemporaryFolder()
    try Animation([red, PixelImage(width: 20, height: 10, blue: 200)]).write(folder.file("a.gif"))
    #expect(folder.contents == ["a.gif"])
  }
}
