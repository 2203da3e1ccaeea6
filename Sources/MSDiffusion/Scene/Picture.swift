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

/// A picture and, if it was read from a file, that file. Two pictures with the same pixels are equal, even if their
/// files differ.
public struct Picture: Sendable, Equatable {
  public let image: PixelImage
  /// The file from which the picture was read; nil if there is none.
  public let origin: FileOrigin?

  /// A picture without a file.
  public init(_ image: PixelImage) { (self.image, origin) = (image, nil) }

  /// Reads an image file.
  /// - Parameter name: The picture's name if it comes with the package.
  /// - Throws: `ImageError` if the file cannot be read or is not an image.
  public init(contentsOf path: String, named name: String? = nil) throws {
    let bytes = try PixelImage.bytes(ofFile: path)
    image = try PixelImage(decoding: bytes, name: path)
    origin = FileOrigin(path: path, name: name, bytes: bytes)
  }

  public static func == (a: Picture, b: Picture) -> Bool { a.image == b.image }
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
