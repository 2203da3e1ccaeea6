/// Whether an image is turned as its file's orientation tag says.
public enum ImageOrientation: String, Sendable, CaseIterable {
  /// Turned as viewers show it, so that boxes and masks that were drawn in a viewer fit.
  case shown
  /// As its rows are stored; the tag is ignored, as in the published pipelines.
  case stored
}

/// How the stored rows of an image are turned. The raw values are those of the Exif tag 274 (Exif 2.32, 4.6.4 A).
enum Turn: Int {
  case none = 1
  case mirrored, half, flipped, transposed, clockwise, transversed, counterclockwise

  /// The turn that an image file asks for; `none` if it has no tag or one that cannot be read.
  init(_ bytes: [UInt8], _ format: ImageHeader.Format) {
    self = Self.exif(bytes, format).flatMap { Self.tag(Array($0)) }.flatMap { Turn(rawValue: $0) } ?? .none
  }

  /// Whether rows become columns.
  var swapsSides: Bool { rawValue >= 5 }

  /// The stored pixel that is shown at (x, y), in an image of `width` × `height` stored pixels.
  private func source(_ x: Int, _ y: Int, _ width: Int, _ height: Int) -> Int {
    let (column, row) =
      switch self {
      case .none: (x, y)
      case .mirrored: (width - 1 - x, y)
      case .half: (width - 1 - x, height - 1 - y)
      case .flipped: (x, height - 1 - y)
      case .transposed: (y, x)
      case .clockwise: (y, height - 1 - x)
      case .transversed: (width - 1 - y, height - 1 - x)
      case .counterclockwise: (width - 1 - y, x)
      }
    return row * width + column
  }

  /// The image and everything that belongs to its pixels, turned.
  func callAsFunction(_ stored: DecodedImage) -> DecodedImage {
    if self == .none { return stored }
    let (width, height) = (stored.image.width, stored.image.height)
    let (shownWidth, shownHeight) = swapsSides ? (height, width) : (width, height)
    var sources: [Int] = []
    sources.reserveCapacity(width * height)
    for y in 0..<shownHeight {
      for x in 0..<shownWidth { sources.append(source(x, y, width, height)) }
    }
    var pixels = [UInt8](repeating: 0, count: 3 * width * height)
    for (target, source) in sources.enumerated() {
      for channel in 0..<3 { pixels[3 * target + channel] = stored.image.pixels[3 * source + channel] }
    }
    return DecodedImage(
      image: PixelImage(width: shownWidth, height: shownHeight, pixels: pixels),
      alpha: stored.alpha.map { alpha in sources.map { alpha[$0] } },
      indices: stored.indices.map { indices in sources.map { indices[$0] } }, turn: self)
  }

  // MARK: Reading the tag

  /// The Exif block of a file, which begins with a TIFF header.
  private static func exif(_ bytes: [UInt8], _ format: ImageHeader.Format) -> ArraySlice<UInt8>? {
    let label = Array("Exif\0\0".utf8)
    switch format {
    case .jpeg:
      return JPEGFrame.segments(bytes).first { $0.marker == 0xe1 && bytes[$0.content].starts(with: label) }
        .map { bytes[$0.content].dropFirst(label.count) }
    case .png: return PNGChunks(bytes).first("eXIf").map { bytes[$0] }
    case .webp:
      guard let content = WebPChunks(bytes).first("EXIF") else { return nil }
      return bytes[content].starts(with: label) ? bytes[content].dropFirst(label.count) : bytes[content]
    case .gif, .bmp: return nil
    }
  }

  /// Tag 274 in the first directory of a TIFF structure.
  private static func tag(_ tiff: [UInt8]) -> Int? {
    let isLittle = tiff.starts(with: Array("II".utf8))
    guard isLittle || tiff.starts(with: Array("MM".utf8)) else { return nil }
    func number(_ start: Int, _ count: Int) -> Int? { isLittle ? tiff.little(start, count) : tiff.big(start, count) }
    guard let directory = number(4, 4), let count = number(directory, 2) else { return nil }
    for entry in 0..<count {
      let start = directory + 2 + 12 * entry
      guard let tag = number(start, 2) else { return nil }
      // A number of two bytes (type 3), at the beginning of the field for values.
      if tag == 274 { return number(start + 2, 2) == 3 ? number(start + 8, 2) : nil }
    }
    return nil
  }
}
