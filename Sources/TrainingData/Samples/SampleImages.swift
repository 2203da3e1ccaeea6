import Analysis
import Images
import Tensors

// A sample's images, read from its files.
extension SampleEntry {
  func sample(size: Int, referenceSize: Int) throws -> TrainingSample {
    let picture = try DecodedImage(contentsOf: image, orientation: orientation)
    let square = Square(picture.image)
    let scaled = square.cropped(picture.image).resized(width: size, height: size).tensor()
    let subjects = try self.subjects.enumerated().map { index, subject in
      let key = "subjects[\(index)]"
      guard let box = square.cropped(subject.box) else {
        throw refused(
          "\(key).box", "a box that overlaps the middle square of \(image), since only that part of the image is used",
          "\(subject.box), which is outside it")
      }
      let mask = try mask(of: subject, key, picture)
      let silhouette =
        mask.map { square.cropped($0).resized(width: size, height: size, filter: .bilinear).coverage }
        ?? box.mask(height: size, width: size)
      return TrainingSubject(
        phrase: subject.phrase, box: box, silhouette: silhouette,
        // Stretched to a square, like references in generation.
        reference: try reference(of: subject, key, picture.image, mask)
          .resized(width: referenceSize, height: referenceSize, filter: .bicubic).tensor())
    }
    return TrainingSample(caption: caption, image: scaled * 2 - 1, subjects: subjects)
  }

  private func refused(_ key: String, _ expected: String, _ found: String) -> TrainingDataError {
    .entry(file: list, location: "line \(line), \(key)", expected: expected, found: found)
  }

  // MARK: Masks

  /// The subject's mask; without one, the part of the image's alpha channel inside the subject's box; nil if there is
  /// neither.
  private func mask(of subject: Subject, _ key: String, _ picture: DecodedImage) throws -> PixelImage? {
    let (width, height) = (picture.image.width, picture.image.height)
    let cells = subject.box.cells(height: height, width: width)
    let square = Square(picture.image)
    var mask: PixelImage
    let location: String
    if let given = subject.mask {
      location = "\(key).mask"
      mask = try masking(given, location, picture)
    } else if usesAlpha, let alpha = picture.alphaMask {
      location = "image"
      mask = alpha.blackened(outside: cells)
    } else {
      return nil
    }
    let selected = mask.selection
    let pixels = selected.indices.filter { selected[$0] }
    let inside = pixels.count { cells.rows.contains($0 / width) && cells.columns.contains($0 % width) }
    let name = subject.mask?.path ?? "the alpha channel of \(image)"
    guard 2 * inside > pixels.count || (inside > 0 && subject.mask == nil) else {
      let found = inside == 0 ? "no pixel inside it" : "only \(inside) of \(pixels.count) white pixels inside it"
      throw refused(location, "a mask that is white on the subject in \(key).box", "\(name), with \(found)")
    }
    guard pixels.contains(where: { square.contains(x: $0 % width, y: $0 / width) }) else {
      throw refused(
        location, "a mask that overlaps the middle square of \(image), since only that part of the image is used",
        "\(name), which is white only outside it")
    }
    return mask
  }

  /// Reads the mask of an image, at the image's size.
  private func masking(_ mask: Mask, _ location: String, _ picture: DecodedImage) throws -> PixelImage {
    let file = try DecodedImage(contentsOf: mask.path, orientation: orientation)
    do {
      let read = try (usesAlpha ? file : file.withoutAlpha).mask(index: mask.index)
      guard let fitted = read.fitted(width: picture.image.width, height: picture.image.height) else {
        throw MaskError.size(of: read, for: picture)
      }
      let selected = fitted.selection
      guard selected.contains(true) else {
        throw MaskError(expected: "a mask that is white on the subject", found: "one that selects no pixel")
      }
      guard selected.contains(false) else {
        throw MaskError(
          expected: "a mask that is black around the subject, or none if the subject fills its box",
          found: "one that selects every pixel")
      }
      return fitted
    } catch let error as MaskError {
      throw refused("\(location) (\(mask.path))", error.expected, error.found)
    }
  }

  /// The subject's reference image, black outside its mask or, without one, in its transparent parts. If there is no
  /// reference image, the part of the sample's image inside the subject's box, black outside the subject's mask.
  private func reference(
    of subject: Subject, _ key: String, _ picture: PixelImage, _ mask: PixelImage?
  ) throws -> PixelImage {
    guard let path = subject.reference else {
      let visible = mask.map { picture.masked(by: $0) } ?? picture
      let cells = subject.box.cells(height: picture.height, width: picture.width)
      return visible.cropped(
        x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
    }
    let reference = try DecodedImage(contentsOf: path, orientation: orientation)
    if let mask = subject.referenceMask {
      return reference.image.masked(by: try masking(mask, "\(key).reference_mask", reference))
    }
    guard usesAlpha, let alpha = reference.alphaMask else { return reference.image }
    guard alpha.selection.contains(true) else {
      throw refused(
        "\(key).reference (\(path))", "an image that is opaque on the subject", "one that is transparent everywhere")
    }
    return reference.image.masked(by: alpha)
  }
}

/// The middle square of an image.
private struct Square {
  let x, y, side, width, height: Int

  init(_ image: PixelImage) {
    (width, height, side) = (image.width, image.height, min(image.width, image.height))
    (x, y) = ((width - side) / 2, (height - side) / 2)
  }

  func cropped(_ image: PixelImage) -> PixelImage { image.cropped(x: x, y: y, width: side, height: side) }

  func contains(x: Int, y: Int) -> Bool {
    (self.x..<self.x + side).contains(x) && (self.y..<self.y + side).contains(y)
  }

  /// The part of a box that is inside the square, in fractions of the square; nil if no part is.
  func cropped(_ box: Box) -> Box? {
    func inside(_ edge: Float, _ whole: Int, _ start: Int) -> Float {
      min(max((edge * Float(whole) - Float(start)) / Float(side), 0), 1)
    }
    let box = Box(
      inside(box.x0, width, x), inside(box.y0, height, y), inside(box.x1, width, x), inside(box.y1, height, y))
    return box.area > 0 ? box : nil
  }
}

extension PixelImage {
  /// The image, black outside a rectangle.
  fileprivate func blackened(outside cells: Cells) -> PixelImage {
    var result = PixelImage(width: width, height: height)
    for y in cells.rows {
      let range = 3 * (y * width + cells.columns.lowerBound)..<3 * (y * width + cells.columns.upperBound)
      result.pixels.replaceSubrange(range, with: pixels[range])
    }
    return result
  }

  /// The brightness of each pixel, the mean of its channels, 0…1: [height, width].
  fileprivate var coverage: Tensor {
    Tensor(
      (0..<width * height).map { pixel in
        Float(Int(pixels[3 * pixel]) + Int(pixels[3 * pixel + 1]) + Int(pixels[3 * pixel + 2])) / 765
      }, shape: [height, width])
  }
}
