import Images

/// A colour bar for a grid's heatmaps.
public struct ColorBar: Sendable {
  public var colorMap: ColorMap
  /// The numbers at the lower and the upper end of the bar.
  public var range: ClosedRange<Float>
  public var label: String

  public init(_ colorMap: ColorMap = .viridis, range: ClosedRange<Float> = 0...1, label: String) {
    (self.colorMap, self.range, self.label) = (colorMap, range, label)
  }
}

/// Panels in rows and columns, with titles for both, a colour bar and a caption.
public struct Grid: Figure {
  /// Rows of panels. Rows may differ in length; nil leaves a cell empty.
  public var rows: [[Panel?]]
  public var rowTitles: [String]
  public var columnTitles: [String]
  public var title: String
  public var caption: String
  public var colorBar: ColorBar?
  /// Width of a panel in pixels.
  public var panelWidth: Int

  public init(
    _ rows: [[Panel?]], rowTitles: [String] = [], columnTitles: [String] = [], title: String = "", caption: String = "",
    colorBar: ColorBar? = nil, panelWidth: Int = 200
  ) {
    (self.rows, self.rowTitles, self.columnTitles) = (rows, rowTitles, columnTitles)
    (self.title, self.caption, self.colorBar, self.panelWidth) = (title, caption, colorBar, panelWidth)
  }

  private static let gap = 14.0

  public func image() throws -> PixelImage {
    let layout = try GridLayout(self)
    let frame = try FigureFrame(title: title, caption: caption, width: layout.width)
    let canvas = try Canvas(
      width: Int(layout.width.rounded(.up)), height: Int((frame.top + layout.height + frame.bottom).rounded(.up)))
    frame.draw(on: canvas)
    for (column, lines) in layout.columnLines.enumerated() {
      for (index, line) in lines.enumerated() {
        canvas.text(
          line, x: layout.x(column) + Double(panelWidth) / 2, y: frame.top + 20 + 19 * Double(index), size: 14,
          alignment: .middle)
      }
    }
    for (row, panels) in rows.enumerated() {
      let y = frame.top + layout.y(row)
      if row < layout.rowLines.count {
        let lines = layout.rowLines[row]
        for (index, line) in lines.enumerated() {
          let shift = 19 * (Double(index) - Double(lines.count - 1) / 2)
          canvas.text(
            line, x: layout.left - 16 - 9.5 * Double(layout.maxRowTitleLines - 1) + shift,
            y: y + layout.panelHeight / 2, size: 14, alignment: .middle, upward: true)
        }
      }
      for (column, panel) in panels.enumerated() {
        if let panel { draw(panel, on: canvas, x: layout.x(column), y: y, layout) }
      }
    }
    if let colorBar { draw(colorBar, on: canvas, layout, top: frame.top) }
    return canvas.pixels()
  }

  private func draw(_ panel: Panel, on canvas: Canvas, x: Double, y: Double, _ layout: GridLayout) {
    // The tallest panel sets the cell height; other panels are shrunk to fit and centred in their cell.
    let scale = min(1, layout.panelHeight * panel.aspect / Double(panelWidth))
    let width = (Double(panelWidth) * scale).rounded()
    let height = (width / panel.aspect).rounded()
    let (left, top) = (
      (x + (Double(panelWidth) - width) / 2).rounded(), (y + (layout.panelHeight - height) / 2).rounded()
    )
    canvas.put(panel.picture(width: Int(width), height: Int(height)), x: left, y: top)
    if let border = panel.border {
      canvas.frame(left - 4, top - 4, width + 8, height + 8, border, thickness: 4)
    } else {
      canvas.frame(left - 1, top - 1, width + 2, height + 2, .rule)
    }
    for box in panel.boxes {
      let (x0, y0) = ((left + box.x0 * width).rounded(), (top + box.y0 * height).rounded())
      let (x1, y1) = ((left + box.x1 * width).rounded(), (top + box.y1 * height).rounded())
      canvas.frame(x0 - 1, y0 - 1, x1 - x0 + 2, y1 - y0 + 2, .white, thickness: 4)
      canvas.frame(x0, y0, x1 - x0, y1 - y0, box.color, thickness: 2)
      guard !box.label.isEmpty else { continue }
      let length = canvas.measure(box.label, size: 12, bold: true)
      let labelLeft = min(max(x0, left), left + width - length - 8)
      let labelTop = max(top, min(y0, top + height - 17))
      canvas.fill(labelLeft, labelTop, length + 8, 17, box.color)
      let dark = box.color.lightness > 62
      canvas.text(box.label, x: labelLeft + 4, y: labelTop + 8.5, size: 12, color: dark ? .black : .white, bold: true)
    }
    if let lines = try? Canvas.wrapped(panel.caption, width: Double(panelWidth), size: 12), !panel.caption.isEmpty {
      for (index, line) in lines.enumerated() {
        canvas.text(
          line, x: x + Double(panelWidth) / 2, y: y + layout.panelHeight + 14 + 16 * Double(index), size: 12,
          color: .faint,
          alignment: .middle)
      }
    }
  }

  private func draw(_ bar: ColorBar, on canvas: Canvas, _ layout: GridLayout, top: Double) {
    let x = layout.x(layout.columns) + 8
    let span = layout.y(rows.count - 1) + layout.panelHeight - layout.y(0)
    let height = min(span, 360)
    let y = top + layout.y(0) + (span - height) / 2
    for step in 0..<Int(height) {
      canvas.fill(x, y + Double(step), 16, 1, bar.colorMap(1 - Double(step) / (height - 1)))
    }
    canvas.frame(x - 1, y - 1, 18, height + 2, .faint)
    let (low, high) = (Double(bar.range.lowerBound), Double(bar.range.upperBound))
    for fraction in [0, 0.5, 1] {
      let tick = y + height * (1 - fraction)
      canvas.line([(x + 16, tick), (x + 21, tick)], .faint)
      canvas.text(Ticks.label(low + (high - low) * fraction, step: (high - low) / 2), x: x + 25, y: tick, size: 12)
    }
    for (index, line) in layout.barLines.enumerated() {
      canvas.text(
        line, x: x + 25 + layout.tickWidth + 14 + 18 * Double(index), y: y + height / 2, size: 13, alignment: .middle,
        upward: true)
    }
  }

  /// Positions and sizes of a grid's parts.
  fileprivate struct GridLayout {
    let columns: Int
    let panelHeight: Double
    let left: Double
    let width: Double
    let height: Double
    let columnLines: [[String]]
    let rowLines: [[String]]
    let maxRowTitleLines: Int
    let tickWidth: Double
    let barLines: [String]
    private let panelWidth: Double
    private let header: Double
    private let captionHeights: [Double]

    init(_ grid: Grid) throws {
      columns = max(grid.rows.map(\.count).max() ?? 0, grid.columnTitles.count)
      let panels = grid.rows.joined().compactMap { $0 }
      guard columns > 0, !panels.isEmpty else {
        throw PlotError.mismatch(what: "grid", expected: "at least one panel", found: "none")
      }
      guard grid.panelWidth >= 16 else {
        throw PlotError.mismatch(what: "panel width", expected: "16 pixels or more", found: "\(grid.panelWidth)")
      }
      panelWidth = Double(grid.panelWidth)
      panelHeight = (panelWidth / (panels.map(\.aspect).min() ?? 1)).rounded()
      columnLines = try grid.columnTitles.map { try Canvas.wrapped($0, width: Double(grid.panelWidth), size: 14) }
      let rowHeight = panelHeight
      rowLines = try grid.rowTitles.map { try Canvas.wrapped($0, width: rowHeight + 10, size: 14) }
      maxRowTitleLines = rowLines.map(\.count).max() ?? 0
      header = columnLines.isEmpty ? 18 : 14 + 19 * Double(columnLines.map(\.count).max() ?? 0)
      left = FigureFrame.margin + (maxRowTitleLines == 0 ? 0 : 12 + 19 * Double(maxRowTitleLines))
      captionHeights = try grid.rows.map { row in
        let lines =
          try row.map { panel in
            guard let panel, !panel.caption.isEmpty else { return 0 }
            return try Canvas.wrapped(panel.caption, width: Double(grid.panelWidth), size: 12).count
          }.max() ?? 0
        return lines == 0 ? 0 : 8 + 16 * Double(lines)
      }
      let spacing = Grid.gap
      var bar = 0.0
      if let colorBar = grid.colorBar {
        let (low, high) = (Double(colorBar.range.lowerBound), Double(colorBar.range.upperBound))
        tickWidth =
          try [0, 0.5, 1].map {
            try Canvas.measure(Ticks.label(low + (high - low) * $0, step: (high - low) / 2), size: 12)
          }.max() ?? 0
        let span = Double(grid.rows.count) * (panelHeight + spacing) - spacing + captionHeights.dropLast().reduce(0, +)
        barLines = try Canvas.wrapped(colorBar.label, width: span, size: 13)
        bar = 8 + 25 + tickWidth + 12 + 18 * Double(barLines.count)
      } else {
        (tickWidth, barLines) = (0, [])
      }
      width = left + Double(columns) * (panelWidth + spacing) - spacing + FigureFrame.margin + bar
      let content = Double(grid.rows.count) * (panelHeight + spacing) - spacing + captionHeights.reduce(0, +)
      height = header + content + 18
    }

    func x(_ column: Int) -> Double { left + Double(column) * (panelWidth + Grid.gap) }
    func y(_ row: Int) -> Double {
      header + Double(row) * (panelHeight + Grid.gap) + captionHeights[..<row].reduce(0, +)
    }
  }
}
