import Images

/// Something that can be drawn as an image.
public protocol Figure: Sendable {
  /// The finished drawing.
  /// - Throws: ``PlotError`` if the figure cannot be drawn.
  func image() throws -> PixelImage
}

extension PixelImage: Figure {
  public func image() -> PixelImage { self }
}

/// Figures one below another, with a common title and caption.
public struct Stack: Figure {
  public var figures: [any Figure]
  public var title: String
  public var caption: String

  public init(_ figures: [any Figure], title: String = "", caption: String = "") {
    (self.figures, self.title, self.caption) = (figures, title, caption)
  }

  public func image() throws -> PixelImage {
    let images = try figures.map { try $0.image() }
    let width = images.map(\.width).max() ?? 1
    let frame = try FigureFrame(title: title, caption: caption, width: Double(width))
    let height = images.reduce(0) { $0 + $1.height }
    let canvas = try Canvas(width: width, height: Int(frame.top + frame.bottom) + height)
    frame.draw(on: canvas)
    var y = frame.top
    for image in images {
      canvas.put(image, x: Double((width - image.width) / 2), y: y)
      y += Double(image.height)
    }
    return canvas.pixels()
  }
}

/// The title above a figure and the caption below it, wrapped to the figure's width.
struct FigureFrame {
  static let margin = 24.0
  private let titleLines: [String]
  private let captionLines: [String]

  init(title: String, caption: String, width: Double) throws {
    let inner = width - 2 * Self.margin
    titleLines = title.isEmpty ? [] : try Canvas.wrapped(title, width: inner, size: 20, bold: true)
    captionLines = caption.isEmpty ? [] : try Canvas.wrapped(caption, width: inner, size: 13)
  }

  var top: Double { titleLines.isEmpty ? 0 : 18 + 26 * Double(titleLines.count) }
  var bottom: Double { captionLines.isEmpty ? 0 : 18 + 19 * Double(captionLines.count) }

  func draw(on canvas: Canvas) {
    for (index, line) in titleLines.enumerated() {
      canvas.text(line, x: Self.margin, y: 28 + 26 * Double(index), size: 20, bold: true)
    }
    let start = Double(canvas.height) - bottom + 12
    for (index, line) in captionLines.enumerated() {
      canvas.text(line, x: Self.margin, y: start + 19 * Double(index), size: 13, color: .faint)
    }
  }
}
