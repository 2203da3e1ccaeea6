import Checkpoints
import Foundation
import Images
import Tensors

/// The file from which a picture or noise was read.
public struct FileOrigin: Sendable, Equatable {
  /// The path as it was given: absolute, or relative to the working folder.
  public let path: String
  /// The picture's name if it comes with the package; then JSON contains this name in place of the path.
  public let name: String?
  /// SHA-256 of the file's bytes, 64 hexadecimal digits.
  public let sha256: String

  init(path: String, name: String?, bytes: [UInt8]) {
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    (self.path, self.name, sha256) = (path, name, hash.finish())
  }
}

/// A picture and, if it was read from a file, that file. Two pictures are equal if they have the same pixels, alpha
/// channel, labels, ``usesAlpha`` and ``maskIndex``, even if their files differ.
public struct Picture: Sendable, Equatable {
  package let decoded: DecodedImage
  /// The file from which the picture was read; nil if there is none.
  public let origin: FileOrigin?
  /// The PNG file from a scene's JSON that holds the picture; nil if there is none.
  package let embedded: [UInt8]?
  /// Whether the picture was turned as its camera's orientation tag says, or is as stored.
  public let orientation: ImageOrientation
  /// Whether transparent pixels count as not selected: those of a subject's picture if the subject has no mask, and
  /// those of a mask. Otherwise an alpha channel is ignored, as in the published implementation.
  public var usesAlpha = true
  /// For a mask whose palette indices or grey values are labels: the label to select; nil: what is not black.
  public var maskIndex: Int?

  /// The picture's colours.
  public var image: PixelImage { decoded.image }

  /// A picture without a file.
  public init(_ image: PixelImage) {
    (decoded, origin, embedded, orientation) = (DecodedImage(image), nil, nil, .shown)
  }

  /// Reads an image file.
  /// - Parameters:
  ///   - name: The picture's name if it comes with the package.
  ///   - orientation: Whether the picture is turned as the camera's orientation tag says.
  /// - Throws: `ImageError` if the file cannot be read or is not an image.
  public init(contentsOf path: String, named name: String? = nil, orientation: ImageOrientation = .shown) throws {
    let bytes = try PixelImage.bytes(ofFile: path)
    decoded = try DecodedImage(decoding: bytes, name: path, orientation: orientation)
    (origin, embedded) = (FileOrigin(path: path, name: name, bytes: bytes), nil)
    self.orientation = orientation
  }

  /// A picture from the contents of an image file.
  /// - Parameter name: The picture's name in error messages.
  /// - Throws: `ImageError` if the bytes are not an image.
  init(embedded bytes: [UInt8], name: String, orientation: ImageOrientation) throws {
    decoded = try DecodedImage(decoding: bytes, name: name, orientation: orientation)
    (origin, embedded, self.orientation) = (nil, bytes, orientation)
  }

  /// The picture as the contents of a PNG file: the embedded file if there is one, else its pixels encoded as PNG.
  package var png: [UInt8] { embedded ?? image.pngBytes() }

  /// The picture with another picture's ``usesAlpha`` and ``maskIndex``.
  package func with(optionsOf other: Picture) -> Picture {
    var picture = self
    (picture.usesAlpha, picture.maskIndex) = (other.usesAlpha, other.maskIndex)
    return picture
  }

  /// The picture as a mask.
  /// - Throws: `MaskError` if it can be read in more than one way, or has no label ``maskIndex``.
  func mask() throws(MaskError) -> PixelImage {
    try (usesAlpha ? decoded : decoded.withoutAlpha).mask(index: maskIndex)
  }

  public static func == (a: Picture, b: Picture) -> Bool {
    a.image == b.image && a.decoded.alpha == b.decoded.alpha && a.decoded.indices == b.decoded.indices
      && a.usesAlpha == b.usesAlpha && a.maskIndex == b.maskIndex
  }
}

/// Starting noise and, if it was read from a file, that file. Noise with the same numbers is equal, even if the files
/// differ.
public struct InitialNoise: Sendable, Equatable {
  /// Noise of standard deviation 1, `[samples, C, h, w]`.
  public let tensor: Tensor
  /// The file from which the noise was read; nil if there is none.
  public let origin: FileOrigin?

  /// Noise without a file.
  public init(_ tensor: Tensor) { (self.tensor, origin) = (tensor, nil) }

  /// Reads a `.npy` file.
  /// - Throws: `NumPyError` if the file cannot be read or is not an array of numbers.
  public init(contentsOf path: String) throws {
    tensor = try NumPyFile.read(path).tensor
    origin = FileOrigin(path: path, name: nil, bytes: [UInt8](FileManager.default.contents(atPath: path) ?? Data()))
  }

  public static func == (a: InitialNoise, b: InitialNoise) -> Bool { a.tensor == b.tensor }
}

extension Picture: CustomStringConvertible {
  /// The image's description and, if it was read from a file, the picture's name or path.
  public var description: String { "\(image)" + (origin.map { ", \($0.name ?? $0.path)" } ?? "") }
}
