import CGD
import Images

/// A drawing surface over libgd, in pixels of the finished figure. It draws at twice the size and scales down, which
/// smooths lines and letters.
final class Canvas {
  let width: Int
  let height: Int
  private let image: gdImagePtr
  private let fonts: Fonts
  private static let scale = 2

  enum Alignment { case start, middle, end }

  /// - Throws: ``PlotError`` if no font is found, if a side is not within 1…16384 pixels, or if memory runs out.
  init(width: Int, height: Int, background: Color = .white) throws {
    fonts = try Fonts.found.get()
    guard width > 0, height > 0, width <= 16384, height <= 16384,
      let image = gdImageCreateTrueColor(Int32(width * Self.scale), Int32(height * Self.scale))
    else {
      throw PlotError.mismatch(what: "figure size", expected: "1 to 16384 pixels per side", found: "\(width)×\(height)")
    }
    (self.width, self.height, self.image) = (width, height, image)
    fill(0, 0, Double(width), Double(height), background)
  }

  deinit { gdImageDestroy(image) }

  /// The finished drawing.
  func pixels() -> PixelImage { PixelImage(gd: image).resized(width: width, height: height, filter: .box) }

  func fill(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: Color) {
    guard width > 0, height > 0 else { return }
    gdImageFilledRectangle(image, scaled(x), scaled(y), scaled(x + width) - 1, scaled(y + height) - 1, number(color))
  }

  /// A frame whose outer edge is the rectangle.
  func frame(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: Color, thickness: Double = 1) {
    fill(x, y, width, thickness, color)
    fill(x, y + height - thickness, width, thickness, color)
    fill(x, y, thickness, height, color)
    fill(x + width - thickness, y, thickness, height, color)
  }

  func line(_ points: [(x: Double, y: Double)], _ color: Color, thickness: Double = 1, dashed: Bool = false) {
    gdImageSetThickness(image, max(1, Int32((thickness * Double(Self.scale)).rounded())))
    for (from, to) in zip(points, points.dropFirst()) {
      if dashed {
        let length = ((to.x - from.x) * (to.x - from.x) + (to.y - from.y) * (to.y - from.y)).squareRoot()
        for start in stride(from: 0, to: length, by: 8) {
          let (a, b) = (start / length, min(start + 5, length) / length)
          segment(
            (from.x + (to.x - from.x) * a, from.y + (to.y - from.y) * a),
            (from.x + (to.x - from.x) * b, from.y + (to.y - from.y) * b), color)
        }
      } else {
        segment(from, to, color)
      }
    }
    gdImageSetThickness(image, 1)
  }

  private func segment(_ from: (x: Double, y: Double), _ to: (x: Double, y: Double), _ color: Color) {
    gdImageLine(image, scaled(from.x), scaled(from.y), scaled(to.x), scaled(to.y), number(color))
  }

  func disc(_ x: Double, _ y: Double, radius: Double, _ color: Color) {
    let size = scaled(2 * radius)
    gdImageFilledEllipse(image, scaled(x), scaled(y), size, size, number(color))
  }

  func polygon(_ points: [(x: Double, y: Double)], _ color: Color) {
    var corners = points.map { gdPoint(x: scaled($0.x), y: scaled($0.y)) }
    gdImageFilledPolygon(image, &corners, Int32(corners.count), number(color))
  }

  /// Draws an image at its own size.
  func put(_ picture: PixelImage, x: Double, y: Double) {
    let (left, top, scale) = (Int(scaled(x)), Int(scaled(y)), Self.scale)
    for row in 0..<picture.height * scale where top + row >= 0 && top + row < height * scale {
      guard let target = image.pointee.tpixels[top + row] else { continue }
      for column in 0..<picture.width * scale where left + column >= 0 && left + column < width * scale {
        let start = 3 * (row / scale * picture.width + column / scale)
        target[left + column] =
          Int32(picture.pixels[start]) << 16 | Int32(picture.pixels[start + 1]) << 8 | Int32(picture.pixels[start + 2])
      }
    }
  }

  /// Writes a line of text, centred vertically at `y`.
  /// - Parameter upward: Whether the text runs from bottom to top; then it is centred at `x` and aligned along `y`.
  func text(
    _ text: String, x: Double, y: Double, size: Double, color: Color = .ink, bold: Bool = false,
    alignment: Alignment = .start, upward: Bool = false
  ) {
    let length = Self.measure(text, size: size, bold: bold, fonts: fonts)
    let shift =
      switch alignment {
      case .start: 0.0
      case .middle: length / 2
      case .end: length
      }
    let drop = size * 0.36
    var corners = [Int32](repeating: 0, count: 8)
    let (left, base) = upward ? (x + drop, y + shift) : (x - shift, y + drop)
    _ = Fonts.draw(
      image, &corners, number(color), bold ? fonts.bold : fonts.regular, points(size), upward ? .pi / 2 : 0,
      scaled(left), scaled(base), text)
  }

  /// The width of a line of text in pixels.
  func measure(_ text: String, size: Double, bold: Bool = false) -> Double {
    Self.measure(text, size: size, bold: bold, fonts: fonts)
  }

  static func measure(_ text: String, size: Double, bold: Bool = false) throws -> Double {
    measure(text, size: size, bold: bold, fonts: try Fonts.found.get())
  }

  private static func measure(_ text: String, size: Double, bold: Bool, fonts: Fonts) -> Double {
    if text.isEmpty { return 0 }
    var corners = [Int32](repeating: 0, count: 8)
    _ = Fonts.draw(
      nil, &corners, 0, bold ? fonts.bold : fonts.regular, size * 0.75 * Double(scale), 0, 0, 0, text)
    return Double(corners[2]) / Double(scale)
  }

  /// Splits text at line breaks, and at spaces into lines no longer than a width; a longer word gets its own line.
  static func wrapped(_ text: String, width: Double, size: Double, bold: Bool = false) throws -> [String] {
    var lines: [String] = []
    for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
      var line = ""
      for word in paragraph.split(separator: " ") {
        let longer = line.isEmpty ? String(word) : line + " " + word
        let fits = try line.isEmpty || measure(longer, size: size, bold: bold) <= width
        if fits {
          line = longer
        } else {
          lines.append(line)
          line = String(word)
        }
      }
      lines.append(line)
    }
    return lines
  }

  private func points(_ size: Double) -> Double { size * 0.75 * Double(Self.scale) }
  private func scaled(_ value: Double) -> Int32 { Int32((value * Double(Self.scale)).rounded()) }
  private func number(_ color: Color) -> Int32 { Int32(color.red) << 16 | Int32(color.green) << 8 | Int32(color.blue) }
}
