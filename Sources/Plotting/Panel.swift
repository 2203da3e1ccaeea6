import Analysis
import Images
import Tensors

/// One picture of a grid: an image or a map, with overlays.
public struct Panel: Sendable {
  /// A labelled box; its corners are fractions (0…1) of the picture's width and height.
  struct LabelledBox: Sendable {
    let x0, y0, x1, y1: Double
    let label: String
    let color: Color
  }

  /// The panel's picture, at its own size.
  enum Content: Sendable {
    case image(PixelImage)
    case empty
  }

  /// A map laid over the picture.
  struct Overlay: Sendable {
    let map: Tensor
    let colorMap: ColorMap
    let range: ClosedRange<Float>
    let opacity: Double
    let isSmooth: Bool
  }

  let content: Content
  var overlay: Overlay?
  var boxes: [LabelledBox] = []
  var border: Color?
  var caption = ""
  /// Width over height.
  let aspect: Double

  /// An image.
  public init(_ image: PixelImage) {
    content = .image(image)
    aspect = Double(image.width) / Double(image.height)
  }

  /// A map [h, w] of numbers in the colours of `colorMap`.
  /// - Parameters:
  ///   - range: The numbers at the ends of the colour map; if nil, the map's least and greatest value.
  ///   - smooth: Whether the map is interpolated to the panel's size; otherwise each cell is a block of one colour.
  /// - Throws: ``PlotError`` if the map does not have two axes, is empty or has values that are not finite.
  public init(
    map: Tensor, colorMap: ColorMap = .viridis, range: ClosedRange<Float>? = nil, smooth: Bool = false
  ) throws {
    overlay = try Self.overlay(map, colorMap, range, opacity: 1, smooth: smooth)
    content = .empty
    aspect = Double(map.shape[1]) / Double(map.shape[0])
  }

  /// Lays a map [h, w] over the picture and removes the panel's earlier map.
  /// - Parameters:
  ///   - range: The numbers at the ends of the colour map; if nil, the map's least and greatest value.
  ///   - opacity: 0 shows the picture alone, 1 the map alone.
  ///   - smooth: Whether the map is interpolated to the panel's size; otherwise each cell is a block of one colour.
  /// - Throws: ``PlotError`` if the map does not have two axes, is empty or has values that are not finite.
  public func overlaid(
    with map: Tensor, colorMap: ColorMap = .viridis, range: ClosedRange<Float>? = nil, opacity: Double = 0.6,
    smooth: Bool = true
  ) throws -> Panel {
    var panel = self
    panel.overlay = try Self.overlay(map, colorMap, range, opacity: opacity, smooth: smooth)
    return panel
  }

  /// Draws a box, whose corners are fractions (0…1) of the picture's width and height. A box of all zeros is not drawn.
  public func boxed(_ box: Box, _ label: String = "", color: Color) -> Panel {
    if box.isNone { return self }
    var panel = self
    let numbers = box.numbers.map(Double.init)
    panel.boxes.append(
      LabelledBox(x0: numbers[0], y0: numbers[1], x1: numbers[2], y1: numbers[3], label: label, color: color))
    return panel
  }

  /// Adds a coloured edge around the picture.
  public func bordered(_ color: Color) -> Panel {
    var panel = self
    panel.border = color
    return panel
  }

  /// Adds a line of small text below the picture.
  public func captioned(_ text: String) -> Panel {
    var panel = self
    panel.caption = text
    return panel
  }

  private static func overlay(
    _ map: Tensor, _ colorMap: ColorMap, _ range: ClosedRange<Float>?, opacity: Double, smooth: Bool
  ) throws -> Overlay {
    guard map.rank == 2, map.count > 0 else {
      throw PlotError.mismatch(what: "map of a panel", expected: "a shape [h, w] without zeros", found: "\(map.shape)")
    }
    guard map.isFinite else { throw PlotError.notFinite(what: "a map of shape \(map.shape)") }
    let wholeRange = map.minimum().item...map.maximum().item
    return Overlay(map: map, colorMap: colorMap, range: range ?? wholeRange, opacity: opacity, isSmooth: smooth)
  }

  /// The picture at a size, with its map but without boxes.
  func picture(width: Int, height: Int) -> PixelImage {
    var picture: PixelImage
    switch content {
    case .image(let image):
      // The pixels of a picture that is enlarged to three times its width or more remain visible.
      let grows = width >= 3 * image.width
      picture = image.resized(width: width, height: height, filter: grows ? .box : .bicubic)
    case .empty: picture = PixelImage(width: width, height: height, red: 255, green: 255, blue: 255)
    }
    guard let overlay else { return picture }
    let map =
      overlay.isSmooth
      ? overlay.map.resized(height: height, width: width, method: .bicubic)
      : overlay.map.resizedNearest(height: height, width: width)
    let (low, high) = (Double(overlay.range.lowerBound), Double(overlay.range.upperBound))
    let table = (0...255).map { overlay.colorMap(Double($0) / 255) }
    map.withUnsafeBuffer { values in
      for pixel in 0..<width * height {
        let fraction = high > low ? (Double(values[pixel]) - low) / (high - low) : 0
        let color = table[Int((min(max(fraction, 0), 1) * 255).rounded())]
        for (channel, top) in [color.red, color.green, color.blue].enumerated() {
          let below = Double(picture.pixels[3 * pixel + channel])
          picture.pixels[3 * pixel + channel] = UInt8((below + (Double(top) - below) * overlay.opacity).rounded())
        }
      }
    }
    return picture
  }
}
