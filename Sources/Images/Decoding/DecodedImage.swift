/// The contents of an image file: its colours, its alpha channel, and palette indices or labels for masks.
package struct DecodedImage: Sendable, Equatable {
  package let image: PixelImage
  /// How opaque each pixel is, 0…255, row by row; nil if all are fully opaque.
  package let alpha: [UInt8]?
  /// Row by row: each pixel's index in the file's palette; or, for a grey image of 16 bits whose values are all at most
  /// 255 and therefore labels, each pixel's value. nil for every other image.
  package let indices: [UInt8]?
  /// How the stored rows were turned.
  let turn: Turn

  init(image: PixelImage, alpha: [UInt8]? = nil, indices: [UInt8]? = nil, turn: Turn = .none) {
    (self.image, self.indices, self.turn) = (image, indices, turn)
    self.alpha = alpha.flatMap { $0.allSatisfy { $0 == 255 } ? nil : $0 }
  }

  /// An image that was not read from a file.
  package init(_ image: PixelImage) { self.init(image: image) }

  /// The image with all pixels opaque.
  package var withoutAlpha: DecodedImage { DecodedImage(image: image, indices: indices, turn: turn) }

  /// Reads and decodes a file.
  /// - Throws: ``ImageError``.
  package init(contentsOf path: String, orientation: ImageOrientation = .shown) throws {
    try self.init(decoding: PixelImage.bytes(ofFile: path), name: path, orientation: orientation)
  }

  /// Whether the image was turned such that its stored width became its height.
  package var isTurnedSideways: Bool { turn.swapsSides }

  /// Decodes the contents of a file, as `PixelImage.init(decoding:name:orientation:)` describes it.
  /// - Parameter name: The image's name in error messages.
  /// - Throws: ``ImageError``.
  package init(decoding bytes: [UInt8], name: String, orientation: ImageOrientation = .shown) throws {
    guard bytes.count <= PixelImage.byteLimit else {
      throw ImageError.broken(name: name, expected: "at most \(PixelImage.byteLimit) bytes", found: "\(bytes.count)")
    }
    let header = try ImageHeader(bytes, name: name)
    let stored = try DecodedImage(stored: bytes, header, name)
    self = orientation == .shown ? Turn(bytes, header.format)(stored) : stored
  }

  private init(stored bytes: [UInt8], _ header: ImageHeader, _ name: String) throws {
    switch header.format {
    case .png: self = try PNGFile(bytes, header, name).decoded()
    case .jpeg: self = try Self.jpeg(bytes, header, name)
    case .gif: self = try Self.gif(bytes, header, name)
    case .webp: self = try Self.webp(bytes, header, name)
    case .bmp: self = try BMPFile(bytes, header, name).decoded()
    }
  }
}

extension ImageHeader {
  /// The error for a file that is not whole.
  func damaged(_ name: String, _ found: String) -> ImageError {
    .broken(name: name, expected: "a whole \(format.rawValue) image", found: found)
  }
}
