import Analysis
import Images

/// One thing to put into an image: its looks, its phrase in the prompt, and its box.
public struct Subject: Sendable, Equatable {
  /// The words of the prompt that mean this subject.
  public var phrase: String
  /// The reference picture.
  public var picture: Picture
  /// A picture of the reference picture's size that is white on the subject; everything else becomes black in the
  /// reference. A mask is recommended, because the reference's background leaks into the generated image.
  public var mask: Picture?
  /// The part of the reference picture to use; nil: the whole picture.
  public var crop: Box?
  /// Where the subject is to be in the generated image; `.none`: no layout.
  public var box: Box
  /// How strongly this subject acts, in place of the scene's scale. Set it for all subjects or for none.
  public var scale: Float?

  public init(
    _ phrase: String, picture: Picture, box: Box = .none, mask: Picture? = nil, crop: Box? = nil, scale: Float? = nil
  ) {
    (self.phrase, self.picture, self.box) = (phrase, picture, box)
    (self.mask, self.crop, self.scale) = (mask, crop, scale)
  }

  /// A subject whose picture and mask were not read from files.
  public init(
    _ phrase: String, image: PixelImage, box: Box = .none, mask: PixelImage? = nil, crop: Box? = nil,
    scale: Float? = nil
  ) {
    self.init(
      phrase, picture: Picture(image), box: box, mask: mask.map { Picture($0) }, crop: crop, scale: scale)
  }

  /// The reference picture's pixels. Setting them removes the reference to a file.
  public var image: PixelImage {
    get { picture.image }
    set { picture = Picture(newValue) }
  }

  /// A copy of the subject with a different box.
  public func at(_ box: Box) -> Subject {
    var subject = self
    subject.box = box
    return subject
  }

  /// The image that the image encoder receives: the picture with a black background if there is a mask, then cropped.
  /// Stops the program if the mask differs in size from the picture, or if `crop` covers no pixel.
  public var reference: PixelImage {
    let masked = mask.map { image.masked(by: $0.image) } ?? image
    guard let crop else { return masked }
    let cells = crop.cells(height: masked.height, width: masked.width)
    return masked.cropped(
      x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
  }

  /// - Throws: `PipelineError`, `AnalysisError.invalidBox`.
  func check(number: Int) throws {
    _ = try box.validated(as: "box of subject \(number), '\(phrase)'")
    _ = try crop?.validated(as: "crop of subject \(number), '\(phrase)'")
    if let mask = mask?.image, (mask.width, mask.height) != (image.width, image.height) {
      throw PipelineError.invalid(
        "mask of subject \(number)", found: "\(mask.width)×\(mask.height)",
        expected: "the size of the subject's picture, \(image.width)×\(image.height)")
    }
    if let scale, !scale.isFinite {
      throw PipelineError.invalid("scale of subject \(number)", found: "\(scale)", expected: "a finite number")
    }
  }
}
