/// The axes of a chart, which map a pair of numbers to a point on the canvas.
struct ChartPlane {
  let canvas: Canvas
  private let left, right, top, bottom: Double
  private let x, y: ClosedRange<Double>

  /// Creates the canvas and draws title, caption, axes, ticks, labels and legend.
  /// - Parameter xTicks: Positions and labels on the horizontal axis; if nil, the axis shows round numbers.
  /// - Throws: ``PlotError``.
  init(
    title: String, xLabel: String, yLabel: String, caption: String, legend: [String], width: Int, height: Int,
    x: ClosedRange<Double>, y: ClosedRange<Double>, xTicks: [(Double, String)]?
  ) throws {
    let frame = try FigureFrame(title: title, caption: caption, width: Double(width))
    canvas = try Canvas(width: width, height: height + Int(frame.top + frame.bottom))
    let (x, y) = (Self.widened(x), Self.widened(y))
    (self.x, self.y) = (x, y)
    let vertical = Ticks(y)
    let labels = vertical.values.map { Ticks.label($0, step: vertical.step) }
    let labelWidth = try labels.map { try Canvas.measure($0, size: 12) }.max() ?? 0
    let legendWidth = try legend.map { try Canvas.measure($0, size: 13) }.max().map { $0 + 46 } ?? 0
    left = FigureFrame.margin + 24 + labelWidth + 8
    right = Double(width) - FigureFrame.margin - legendWidth
    top = frame.top + 16
    bottom = frame.top + Double(height) - (xLabel.isEmpty ? 36 : 58)
    guard right - left > 80, bottom - top > 60 else {
      throw PlotError.chartTooSmall(width: width, height: height)
    }
    frame.draw(on: canvas)
    for (value, label) in zip(vertical.values, labels) {
      let lineY = point(x.lowerBound, value).y
      canvas.line([(left, lineY), (right, lineY)], value == 0 ? .faint : .rule)
      canvas.text(label, x: left - 8, y: lineY, size: 12, alignment: .end)
    }
    let horizontal = Ticks(x, count: 7)
    for (value, label) in xTicks ?? horizontal.values.map({ ($0, Ticks.label($0, step: horizontal.step)) }) {
      let position = point(value, y.lowerBound).x
      if xTicks == nil { canvas.line([(position, bottom), (position, bottom + 5)], .faint) }
      canvas.text(label, x: position, y: bottom + 17, size: 12, alignment: .middle)
    }
    canvas.line([(left, top), (left, bottom), (right, bottom)], .faint)
    canvas.text(yLabel, x: FigureFrame.margin + 2, y: (top + bottom) / 2, size: 13, alignment: .middle, upward: true)
    canvas.text(xLabel, x: (left + right) / 2, y: bottom + 40, size: 13, alignment: .middle)
    for (index, name) in legend.enumerated() {
      let entryY = top + 10 + 22 * Double(index)
      canvas.line([(right + 16, entryY), (right + 34, entryY)], .distinct(index), thickness: 2)
      Marker(index).draw(on: canvas, x: right + 25, y: entryY, .distinct(index))
      canvas.text(name, x: right + 42, y: entryY, size: 13)
    }
  }

  /// The point on the canvas for a pair of numbers. `y` is clamped to the axis, `x` is not.
  func point(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let fractionX = (x - self.x.lowerBound) / (self.x.upperBound - self.x.lowerBound)
    let fractionY = (y - self.y.lowerBound) / (self.y.upperBound - self.y.lowerBound)
    return (left + (right - left) * fractionX, bottom - (bottom - top) * min(max(fractionY, 0), 1))
  }

  /// The range itself; if it has only one value, a wider range around the value.
  private static func widened(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
    guard range.lowerBound == range.upperBound else { return range }
    let room = max(abs(range.lowerBound) * 0.1, 0.5)
    return range.lowerBound - room...range.upperBound + room
  }

  /// The range of numbers with some room on both sides, except at an end that is zero.
  static func padded(_ values: [Double]) -> ClosedRange<Double> {
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    let room = 0.06 * (high - low)
    return (low == 0 ? 0 : low - room)...(high == 0 ? 0 : high + room)
  }
}
