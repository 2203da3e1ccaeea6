import Images

/// Rows of text and gauges (numbers on a line from 0 to 1) under column titles.
public struct Table: Figure {
  /// One cell: text or a gauge.
  public struct Cell: Sendable {
    enum Content: Sendable {
      case text(String)
      case gauge(Gauge)
    }
    let content: Content
    var color = Color.ink
    var isBold = false

    /// Text, wrapped to the column's width.
    public init(_ text: String, color: Color = .ink, bold: Bool = false) {
      (content, self.color, isBold) = (.text(text), color, bold)
    }

    /// A number on a line from 0 to 1, with the values to compare it with.
    public init(_ gauge: Gauge) { content = .gauge(gauge) }
  }

  /// A number with its interval on a line from 0 to 1.
  public struct Gauge: Sendable {
    public var value: Double
    public var interval: ClosedRange<Double>
    /// The value expected by chance, marked by a thin line.
    public var chance: Double?
    /// The target, marked by a thick line.
    public var target: Double?
    public var color: Color

    public init(
      value: Double, interval: ClosedRange<Double>, chance: Double? = nil, target: Double? = nil,
      color: Color = .distinct(1)
    ) {
      (self.value, self.interval, self.chance, self.target, self.color) = (value, interval, chance, target, color)
    }
  }

  public var columns: [String]
  /// Width of each column, in pixels.
  public var widths: [Int]
  public var rows: [[Cell]]
  public var title, caption: String

  public init(columns: [String], widths: [Int], rows: [[Cell]], title: String = "", caption: String = "") {
    (self.columns, self.widths, self.rows, self.title, self.caption) = (columns, widths, rows, title, caption)
  }

  private static let gap = 18.0
  private static let line = 18.0
  private static let padding = 14.0

  public func image() throws -> PixelImage {
    guard !columns.isEmpty, widths.count == columns.count, rows.allSatisfy({ $0.count <= columns.count }) else {
      throw PlotError.mismatch(
        what: "table", expected: "at least one column, one width per column, and no row with more cells than columns",
        found: "\(columns.count) columns, \(widths.count) widths, rows of \(Set(rows.map(\.count)).sorted()) cells")
    }
    let width = 2 * FigureFrame.margin + Double(widths.reduce(0, +)) + Self.gap * Double(columns.count - 1)
    let frame = try FigureFrame(title: title, caption: caption, width: width)
    let titles = try columns.indices.map { try lines(columns[$0], column: $0, bold: true) }
    let texts = try rows.map { row in
      try row.enumerated().map { column, cell -> [String] in
        guard case .text(let text) = cell.content else { return [""] }
        return try lines(text, column: column, bold: cell.isBold)
      }
    }
    func height(_ cells: [[String]]) -> Double { Self.line * Double(cells.map(\.count).max() ?? 1) + Self.padding }
    let content = height(titles) + texts.reduce(0) { $0 + height($1) } + 12
    let canvas = try Canvas(
      width: Int(width.rounded(.up)), height: Int((frame.top + content + frame.bottom).rounded(.up)))
    frame.draw(on: canvas)
    var top = frame.top
    func write(_ cells: [[String]], _ row: [Cell]?) {
      for (column, lines) in cells.enumerated() {
        let cell = row?[column]
        for (index, text) in lines.enumerated() {
          canvas.text(
            text, x: left(column), y: top + (Self.padding + Self.line) / 2 + Self.line * Double(index), size: 13,
            color: cell?.color ?? .faint, bold: cell?.isBold ?? true)
        }
        if case .gauge(let gauge)? = cell?.content {
          draw(
            gauge, on: canvas, x: left(column), y: top + (Self.padding + Self.line) / 2, width: Double(widths[column]))
        }
      }
      top += height(cells)
      canvas.fill(
        FigureFrame.margin, top, width - 2 * FigureFrame.margin, row == nil ? 2 : 1, row == nil ? .faint : .rule)
    }
    write(titles, nil)
    for (cells, row) in zip(texts, rows) { write(cells, row) }
    return canvas.pixels()
  }

  private func left(_ column: Int) -> Double {
    FigureFrame.margin + Double(widths[..<column].reduce(0, +)) + Self.gap * Double(column)
  }

  private func lines(_ text: String, column: Int, bold: Bool) throws -> [String] {
    try Canvas.wrapped(text, width: Double(widths[column]), size: 13, bold: bold)
  }

  private func draw(_ gauge: Gauge, on canvas: Canvas, x: Double, y: Double, width: Double) {
    func position(_ value: Double) -> Double { x + width * min(max(value, 0), 1) }
    canvas.line([(x, y), (x + width, y)], .rule, thickness: 2)
    if let chance = gauge.chance {
      canvas.line([(position(chance), y - 7), (position(chance), y + 7)], .faint, thickness: 1)
    }
    if let target = gauge.target {
      canvas.line([(position(target), y - 9), (position(target), y + 9)], .ink, thickness: 2.5)
    }
    let (low, high) = (position(gauge.interval.lowerBound), position(gauge.interval.upperBound))
    canvas.fill(low, y - 2.5, max(high - low, 1), 5, gauge.color.mixed(with: .white, 0.45))
    canvas.disc(position(gauge.value), y, radius: 5, gauge.color)
  }
}
