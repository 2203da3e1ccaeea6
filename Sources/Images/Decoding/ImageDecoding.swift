extension PixelImage {
  /// The largest file that is read, in bytes.
  static let byteLimit = 1 << 30

  /// Decodes the contents of a PNG, JPEG, WebP or BMP file, or the first image of a GIF file, with the colours that
  /// Pillow finds in it. The format is recognised by the first bytes. Red, green and blue are used as they are stored:
  /// alpha is dropped, not composited; gamma and colour profiles are ignored. Of 16 bits per channel, the upper 8 are
  /// kept. CMYK is converted without a profile.
  ///
  /// A damaged or cut-off file is refused, even if part of it could be decoded, and so is an animated WebP file. Sizes
  /// are checked before anything is allocated: at most 100 million pixels in total, and 32768 per side.
  ///
  /// - Parameters:
  ///   - name: The image's name in error messages.
  ///   - orientation: Whether the image is turned as the camera's orientation tag says.
  /// - Throws: ``ImageError`` if the bytes are not a whole image of such a format, or if the image is too large.
  public init(decoding bytes: [UInt8], name: String, orientation: ImageOrientation = .shown) throws {
    self = try DecodedImage(decoding: bytes, name: name, orientation: orientation).image
  }
}
