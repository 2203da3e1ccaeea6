extension Panel {
  /// An image with the boxes of a scene's subjects. Each box has its subject's colour and phrase.
  public init(_ image: PixelImage, boxesOf scene: Scene) {
    self.init(image)
    for (index, subject) in scene.subjects.enumerated() {
      self = boxed(subject.box, subject.phrase, color: .distinct(index))
    }
  }

  /// A heatmap over an image. Its colour scale goes from the heatmap's least to its greatest value.
  /// - Throws: `PlotError` if the heatmap cannot be drawn over the image.
  public init(_ heatmap: Heatmap, over image: PixelImage) throws {
    self = try Panel(image).overlaid(with: heatmap.values)
  }

  /// The masks of subjects, each in its subject's colour. A pixel in several masks has the mean of their colours.
  /// - Parameter masks: one mask [h, w] per subject; a value other than 0 is inside.
  /// - Throws: `PlotError.mismatch` if there are no masks, or if they differ in size.
  public init(masks: [Tensor]) throws {
    guard let shape = masks.first?.shape, shape.count == 2, masks.allSatisfy({ $0.shape == shape }) else {
      throw PlotError.mismatch(
        what: "masks", expected: "at least one mask, and the same size [h, w] for all", found: "\(masks.map(\.shape))")
    }
    var image = PixelImage(width: shape[1], height: shape[0], red: 245, green: 245, blue: 245)
    for place in 0..<shape[0] * shape[1] {
      let inside = masks.indices.filter { masks[$0].values[place] != 0 }
      guard !inside.isEmpty else { continue }
      let colors = inside.map { Color.distinct($0) }
      for (channel, part) in [\Color.red, \Color.green, \Color.blue].enumerated() {
        image.pixels[3 * place + channel] = UInt8(colors.reduce(0) { $0 + Int($1[keyPath: part]) } / colors.count)
      }
    }
    self.init(image)
  }
}

extension PixelImage {
  /// Root mean square difference between two images, over pixels and channels, in levels of 0…255; 0 if no pixel
  /// counts. Stops the program if the images, or the mask, differ in size.
  /// - Parameter mask: [height, width]; only pixels at which the mask is not 0 count. nil: all pixels count.
  public func difference(from other: PixelImage, inside mask: Tensor? = nil) -> Double {
    guard (width, height) == (other.width, other.height), mask.map({ $0.shape == [height, width] }) ?? true else {
      fail(
        "PixelImage.difference: expected the same size for both images and for the mask, found \(width)×\(height), "
          + "\(other.width)×\(other.height) and \(mask.map { "a mask of shape \($0.shape)" } ?? "no mask")")
    }
    let weights = mask?.values
    var (sum, count) = (0.0, 0.0)
    for place in 0..<width * height where weights.map({ $0[place] != 0 }) ?? true {
      for channel in 0..<3 {
        let difference = Double(pixels[3 * place + channel]) - Double(other.pixels[3 * place + channel])
        sum += difference * difference
        count += 1
      }
    }
    return count > 0 ? (sum / count).squareRoot() : 0
  }
}
