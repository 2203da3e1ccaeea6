/// Why an image cannot serve as a mask.
package struct MaskError: Error, Equatable {
  package let expected, found: String

  package init(expected: String, found: String) { (self.expected, self.found) = (expected, found) }

  /// The error for a mask whose proportions differ from those of its image.
  package static func size(of mask: PixelImage, for image: DecodedImage) -> MaskError {
    let (width, height) = (image.image.width, image.image.height)
    let isSideways = image.isTurnedSideways && mask.fitted(width: height, height: width) != nil
    return MaskError(
      expected: "a mask of \(width)×\(height) pixels, or of the same proportions",
      found: "\(mask.width)×\(mask.height)"
        + (isSideways
          ? ", which fits the photograph before it is turned as its orientation tag says; turn the mask as well, or "
            + "set the orientation to 'stored'" : ""))
  }
}

extension DecodedImage {
  /// The image read as a mask: a grey image, white on what it selects.
  ///
  /// - In an image with transparent pixels, the opaque ones are selected. If the opaque ones are of two colours, pure
  ///   black and pure white, only the white ones are selected.
  /// - In an image of black and one grey, the grey pixels are selected, however dark they are; so masks of 0 and 1
  ///   work.
  /// - In an image of black and shades of one colour, brightness is scaled such that the brightest pixel gets 255.
  /// - In a coloured image without black that uses one palette entry besides the first, that entry is selected.
  /// - In an image of a single colour or of a single grey other than black, all pixels are selected.
  /// - Any other grey image with pixels brighter than 127 is used as it is. If it is darker and has more than 32 greys,
  ///   brightness is scaled such that the brightest pixel gets 255.
  /// - An image of several labels needs the index of the one to select: a few dark greys, perhaps with 255 for pixels
  ///   without a label, or several colours.
  ///
  /// - Parameter index: The label to select, for an image whose palette indices or grey values are labels.
  /// - Throws: ``MaskError`` for an image that can be read in more than one way, or that has no label `index`.
  package func mask(index: Int? = nil) throws(MaskError) -> PixelImage {
    if let index { return try grey(label(index)) }
    if let alpha { return grey(isBlackAndWhite(where: alpha) ? zip(alpha, brightness).map(min) : alpha) }
    return try image.isGrey ? grey(levels()) : grey(colored())
  }

  /// The alpha channel as a mask; nil if every pixel is opaque.
  package var alphaMask: PixelImage? { alpha.map { grey($0) } }

  private func grey(_ values: [UInt8]) -> PixelImage {
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * values.count) { bytes, count in
      for (pixel, value) in values.enumerated() {
        for channel in 0..<3 { bytes[3 * pixel + channel] = value }
      }
      count = 3 * values.count
    }
    return PixelImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// The greatest channel value of each pixel.
  private var brightness: [UInt8] {
    (0..<image.width * image.height).map {
      max(image.pixels[3 * $0], image.pixels[3 * $0 + 1], image.pixels[3 * $0 + 2])
    }
  }

  /// Whether the opaque pixels are black and white only, and some of each.
  private func isBlackAndWhite(where alpha: [UInt8]) -> Bool {
    let opaque = Set(alpha.indices.lazy.filter { alpha[$0] >= 128 }.map { image.color(at: 3 * $0) })
    return opaque == [0, 0xffffff]
  }

  // MARK: Labels

  private func label(_ index: Int) throws(MaskError) -> [UInt8] {
    let labels: [UInt8]
    if let indices {
      labels = indices
    } else if image.isGrey {
      labels = brightness
    } else {
      throw MaskError(
        expected: "a mask with a palette, or a grey mask, to select index \(index) of", found: "one of colours"
      )
    }
    guard let wanted = UInt8(exactly: index), labels.contains(wanted) else {
      throw MaskError(expected: "a mask with pixels of index \(index)", found: "one of \(Self.list(Set(labels)))")
    }
    return labels.map { $0 == wanted ? 255 : 0 }
  }

  private static func list(_ labels: Set<UInt8>) -> String {
    let shown = labels.sorted().prefix(12).map { "\($0)" }.joined(separator: ", ")
    return (labels.count == 1 ? "index " : "indices ") + shown + (labels.count > 12 ? ", …" : "")
  }

  /// The greatest number of greys that count as labels; more greys mean that the mask has soft edges.
  private static let labelLimit = 32

  // MARK: Greys and colours

  private func levels() throws(MaskError) -> [UInt8] {
    // In a 16-bit image of labels, all colours are black, because they are the upper 8 bits.
    let isBlack = image.pixels.allSatisfy { $0 == 0 }
    let values = isBlack ? indices ?? brightness : (0..<image.width * image.height).map { image.mean(at: 3 * $0) }
    let levels = Set(values)
    let brightest = levels.max() ?? 0
    let others = levels.subtracting([0])
    if others.count == 1 { return values.map { $0 == 0 ? 0 : 255 } }
    // Labels of at least 1, with 255 for pixels without a label.
    let hasVoid = brightest == 255 && others.subtracting([255]).allSatisfy { $0 < 32 }
    if (brightest >= 128 && !hasVoid) || brightest == 0 { return values }
    guard levels.count > Self.labelLimit else {
      throw MaskError(
        expected: "a mask of black and white, or the index of the label to select",
        found: "the labels \(levels.sorted().map { "\($0)" }.joined(separator: ", "))")
    }
    return values.map { UInt8(Int($0) * 255 / Int(brightest)) }
  }

  private func colored() throws(MaskError) -> [UInt8] {
    let colors = Set((0..<image.width * image.height).map { image.color(at: 3 * $0) })
    if let indices, !colors.contains(0) {
      let used = Set(indices).subtracting([0])
      if used.count == 1 { return indices.map { $0 == 0 ? 0 : 255 } }
    }
    if colors.count == 1 { return brightness.map { _ in 255 } }
    let brightest = brightness.max() ?? 0
    guard colors.contains(where: { PixelImage.isNearlyBlack($0) }), PixelImage.haveOneHue(colors) else {
      let labels = indices.map { ", with the \(Self.list(Set($0))) of its palette" } ?? ""
      throw MaskError(
        expected: "a mask of black and one colour, or the index of the label to select",
        found: "one of \(colors.count) colours\(labels)")
    }
    return brightness.map { UInt8(Int($0) * 255 / Int(brightest)) }
  }
}

extension PixelImage {
  /// Whether all pixels are grey, apart from the slight colour that JPEG compression adds to black and white.
  fileprivate var isGrey: Bool {
    (0..<width * height).allSatisfy { Self.chroma(color(at: 3 * $0)) <= 48 }
  }

  fileprivate func mean(at offset: Int) -> UInt8 {
    UInt8((Int(pixels[offset]) + Int(pixels[offset + 1]) + Int(pixels[offset + 2])) / 3)
  }

  private static func channels(_ color: Int) -> [Int] { [color >> 16, color >> 8 & 255, color & 255] }

  private static func chroma(_ color: Int) -> Int {
    let channels = channels(color)
    return max(channels[0], channels[1], channels[2]) - min(channels[0], channels[1], channels[2])
  }

  fileprivate static func isNearlyBlack(_ color: Int) -> Bool { channels(color).allSatisfy { $0 < 24 } }

  /// Whether all colours that are not dark are shades of the same one.
  fileprivate static func haveOneHue(_ colors: Set<Int>) -> Bool {
    let bright = colors.map(channels).filter { ($0.max() ?? 0) >= 48 }
    guard let reference = bright.max(by: { ($0.max() ?? 0) < ($1.max() ?? 0) }), let greatest = reference.max() else {
      return true
    }
    return bright.allSatisfy { color in
      let scale = Double(color.max() ?? 1) / Double(greatest)
      return zip(color, reference).allSatisfy { abs(Double($0) - Double($1) * scale) <= 48 }
    }
  }

  /// Whether a grey mask selects each pixel; the threshold is the one of `masked(by:)`.
  package var selection: [Bool] { (0..<width * height).map { pixels[3 * $0] >= 128 } }

  /// The mask at an image's size; nil if the two have different proportions.
  package func fitted(width: Int, height: Int) -> PixelImage? {
    if (self.width, self.height) == (width, height) { return self }
    // If one was made by scaling the other down, rounding changed its sides by up to half a pixel.
    let difference = abs(self.height * width - height * self.width)
    guard 2 * difference <= max(width, self.width, height, self.height) else { return nil }
    return resized(width: width, height: height, filter: .box)
  }
}
