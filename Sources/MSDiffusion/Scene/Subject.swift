import Analysis
import Images

/// One thing to put into an image: its looks, its phrase in the prompt, and its box.
public struct Subject: Sendable, Equatable {
  /// The words of the prompt that mean this subject.
  public var phrase: String
  /// The reference picture.
  public var picture: Picture
  /// A picture of the reference picture's proportions that is white on the subject; everything else becomes black in
  /// the reference. A mask of 0 and 1, a mask of one colour on black, and a picture with an alpha channel can also be
  /// used. nil: the reference picture's own alpha channel, if it has one. A mask is recommended, because the
  /// reference's background leaks into the generated image.
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

  /// A subject whose picture and mask were not read from files. A `PixelImage` has no alpha channel: to use a file's
  /// alpha channel as the mask, read the file as a `Picture`.
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
  /// A mask or crop that cannot be used is ignored here; when the scene is generated, it is an error.
  public var reference: PixelImage { reference(selecting: try? selection()) }

  /// - Parameter selected: what ``selection()`` returns.
  private func reference(selecting selected: PixelImage?) -> PixelImage {
    let masked = selected.map { image.masked(by: $0) } ?? image
    let cells = self.cells
    if cells.columns.isEmpty || cells.rows.isEmpty { return masked }
    return masked.cropped(
      x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
  }

  /// The pixels of the picture inside the crop; none if `crop` is invalid.
  private var cells: Cells {
    let crop = self.crop ?? .whole
    guard crop.numbers.allSatisfy(\.isFinite) else { return Cells(rows: 0..<0, columns: 0..<0) }
    return crop.cells(height: image.height, width: image.width)
  }

  /// The mask at the picture's size, or the picture's alpha channel; nil if there is neither.
  /// - Throws: `MaskError` if the mask cannot be read as one, has other proportions than the picture, or selects no
  ///   pixel inside the crop.
  func selection() throws(MaskError) -> PixelImage? {
    let read = try mask.map { picture throws(MaskError) in try picture.mask() }
    guard let found = read ?? (picture.usesAlpha ? picture.decoded.alphaMask : nil) else { return nil }
    guard let fitted = found.fitted(width: image.width, height: image.height) else {
      throw MaskError.size(of: found, for: picture.decoded)
    }
    let cells = self.cells
    let (selected, width) = (fitted.selection, image.width)
    guard cells.rows.contains(where: { y in cells.columns.contains { selected[y * width + $0] } }) else {
      throw MaskError(
        expected: "a mask that is white on the subject\(crop == nil ? "" : ", within the crop")",
        found: mask == nil ? "an alpha channel that selects no pixel" : "one that selects no pixel")
    }
    return fitted
  }

  /// ``reference``, with warnings about a mask that selects the whole picture and a reference that is entirely black.
  /// - Parameter number: The subject's number, from 1.
  func referenceWithWarnings(number: Int) -> (reference: PixelImage, warnings: [String]) {
    let name = "subject \(number), '\(phrase)'"
    let selected = try? selection()
    let reference = reference(selecting: selected)
    var warnings: [String] = []
    if mask != nil, let selected, !selected.selection.contains(false) {
      warnings.append("the mask of \(name) selects the whole picture, so it has no effect")
    }
    if !reference.pixels.contains(where: { $0 > 0 }) { warnings.append("the reference of \(name) is entirely black") }
    return (reference, warnings)
  }

  /// - Throws: `PipelineError`, `AnalysisError.invalidBox`.
  func check(number: Int) throws {
    _ = try box.validated(as: "box of subject \(number), '\(phrase)'")
    _ = try crop?.validated(as: "crop of subject \(number), '\(phrase)'")
    if let crop, crop.isNone {
      throw PipelineError.invalid(
        "crop of subject \(number), '\(phrase)'", found: "all zeros", expected: "a part of the picture, or no crop")
    }
    do {
      _ = try selection()
    } catch {
      let source = (mask ?? picture).origin.map { ", \($0.name ?? $0.path)" } ?? ""
      throw PipelineError.invalid(
        "mask of subject \(number), '\(phrase)'\(source)", found: error.found, expected: error.expected)
    }
    if let scale, !scale.isFinite {
      throw PipelineError.invalid("scale of subject \(number)", found: "\(scale)", expected: "a finite number")
    }
  }
}
