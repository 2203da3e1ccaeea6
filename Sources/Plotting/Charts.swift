import Images

/// One line of a chart.
public struct Series: Sendable {
  public var name: String
  public var x: [Double]
  public var y: [Double]
  /// Lower and upper ends of a band around the line, one range per x.
  public var band: [ClosedRange<Double>]?

  public init(_ name: String, x: [Double], y: [Double], band: [ClosedRange<Double>]? = nil) {
    (self.name, self.x, self.y, self.band) = (name, x, y, band)
  }
}

/// Lines over a common axis, with a legend next to them.
public struct LineChart: Figure {
  public var series: [Series]
  public var title, xLabel, yLabel, caption: String
  /// The range of the vertical axis, to which lines are clamped; if nil, it is chosen from the values and bands.
  public var yRange: ClosedRange<Double>?
  public var width: Int
  public var height: Int

  public init(
    _ series: [Series], title: String = "", xLabel: String, yLabel: String, caption: String = "",
    yRange: ClosedRange<Double>? = nil, width: Int = 860, height: Int = 420
  ) {
    (self.series, self.title, self.xLabel, self.yLabel, self.caption) = (series, title, xLabel, yLabel, caption)
    (self.yRange, self.width, self.height) = (yRange, width, height)
  }

  public func image() throws -> PixelImage {
    for line in series
    where line.x.count != line.y.count || line.x.isEmpty || line.band.map({ $0.count != line.x.count }) ?? false {
      throw PlotError.mismatch(
        what: "line '\(line.name)'", expected: "as many x as y values, at least one, and as many ranges in its band",
        found: "\(line.x.count) x and \(line.y.count) y values" + (line.band.map { ", \($0.count) ranges" } ?? ""))
    }
    let all = series.flatMap { line in line.y + (line.band ?? []).flatMap { [$0.lowerBound, $0.upperBound] } }
    guard let left = series.flatMap(\.x).min(), let right = series.flatMap(\.x).max() else {
      throw PlotError.mismatch(what: "line chart", expected: "at least one line", found: "none")
    }
    guard (all + [left, right]).allSatisfy(\.isFinite) else { throw PlotError.notFinite(what: "a line of the chart") }
    let plane = try ChartPlane(
      title: title, xLabel: xLabel, yLabel: yLabel, caption: caption, legend: series.map(\.name), width: width,
      height: height, x: left...right, y: yRange ?? ChartPlane.padded(all), xTicks: nil)
    for (index, line) in series.enumerated() {
      let color = Color.distinct(index)
      if let band = line.band {
        let upper = zip(line.x, band).map { plane.point($0, $1.upperBound) }
        let lower = zip(line.x, band).map { plane.point($0, $1.lowerBound) }
        plane.canvas.polygon(upper + lower.reversed(), color.mixed(with: .white, 0.78))
      }
    }
    for (index, line) in series.enumerated() {
      let points = zip(line.x, line.y).map { plane.point($0, $1) }
      plane.canvas.line(points, .distinct(index), thickness: 2)
      if points.count <= 40 {
        for point in points { Marker(index).draw(on: plane.canvas, x: point.x, y: point.y, .distinct(index)) }
      }
    }
    return plane.canvas.pixels()
  }
}

/// Bars in groups, with a legend next to them.
public struct BarChart: Figure {
  /// One name per group of bars.
  public var groups: [String]
  /// One bar per group, with error bars if `errors` are given.
  public struct Bars: Sendable {
    public var name: String
    public var values: [Double]
    /// How far the error bar extends above and below each value. There must be one number per value; if there are
    /// fewer, drawing the chart stops the program.
    public var errors: [Double]?

    public init(_ name: String, _ values: [Double], errors: [Double]? = nil) {
      (self.name, self.values, self.errors) = (name, values, errors)
    }
  }
  public var bars: [Bars]
  public var title, yLabel, caption: String
  public var width: Int
  public var height: Int

  public init(
    groups: [String], _ bars: [Bars], title: String = "", yLabel: String, caption: String = "", width: Int = 860,
    height: Int = 420
  ) {
    (self.groups, self.bars, self.title, self.yLabel, self.caption) = (groups, bars, title, yLabel, caption)
    (self.width, self.height) = (width, height)
  }

  public func image() throws -> PixelImage {
    guard !groups.isEmpty, let off = bars.first(where: { $0.values.count != groups.count }) ?? bars.first else {
      throw PlotError.mismatch(what: "bar chart", expected: "at least one group and one set of bars", found: "none")
    }
    guard off.values.count == groups.count else {
      throw PlotError.mismatch(
        what: "bars '\(off.name)'", expected: "\(groups.count) values", found: "\(off.values.count)")
    }
    let ends = bars.flatMap { bar in
      bar.values.indices.flatMap { [bar.values[$0] - (bar.errors?[$0] ?? 0), bar.values[$0] + (bar.errors?[$0] ?? 0)] }
    }
    guard ends.allSatisfy(\.isFinite) else { throw PlotError.notFinite(what: "a bar of the chart") }
    let plane = try ChartPlane(
      title: title, xLabel: "", yLabel: yLabel, caption: caption, legend: bars.count > 1 ? bars.map(\.name) : [],
      width: width, height: height, x: -0.5...Double(groups.count) - 0.5, y: ChartPlane.padded(ends + [0]),
      xTicks: groups.enumerated().map { (Double($0.offset), $0.element) })
    let each = 0.76 / Double(bars.count)
    for (index, bar) in bars.enumerated() {
      for (group, value) in bar.values.enumerated() {
        let start = Double(group) - 0.38 + each * Double(index)
        let (top, bottom) = (plane.point(start, max(value, 0)), plane.point(start + each, min(value, 0)))
        plane.canvas.fill(top.x + 1, top.y, bottom.x - top.x - 2, max(bottom.y - top.y, 1), .distinct(index))
        guard let error = bar.errors?[group] else { continue }
        let middle = start + each / 2
        let (low, high) = (plane.point(middle, value - error), plane.point(middle, value + error))
        plane.canvas.line([low, high], .ink, thickness: 1.5)
        for end in [low, high] { plane.canvas.line([(end.x - 4, end.y), (end.x + 4, end.y)], .ink, thickness: 1.5) }
      }
    }
    return plane.canvas.pixels()
  }
}

/// A marker whose shape distinguishes lines without the help of colour.
struct Marker {
  private let index: Int

  init(_ index: Int) { self.index = index }

  func draw(on canvas: Canvas, x: Double, y: Double, _ color: Color) {
    switch index % 4 {
    case 0: canvas.disc(x, y, radius: 4, color)
    case 1: canvas.fill(x - 3.5, y - 3.5, 7, 7, color)
    case 2: canvas.polygon([(x, y - 5), (x + 4.5, y + 3.5), (x - 4.5, y + 3.5)], color)
    default: canvas.polygon([(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)], color)
    }
  }
}
