import Images
import JSON
import Layers
import Tensors

/// Turns an image into the vision encoder's input as the published code does. MS-Diffusion first resizes the image to
/// 512×512, bicubically; CLIP then resizes the short edge, crops the centre, scales to 0…1 and normalises.
public struct CLIPImageProcessor: Sendable {
  /// Length of the short edge after resizing, in pixels.
  public var shortEdge: Int
  /// Size after cropping, in pixels.
  public var cropHeight: Int
  public var cropWidth: Int
  /// Mean of red, green and blue, which is subtracted.
  public var mean: [Float]
  /// Standard deviation of red, green and blue, by which the difference is divided.
  public var standardDeviation: [Float]
  /// The filter with which the short edge is resized.
  public var filter: ResizeFilter
  /// Side of the square, in pixels, to which a reference image is resized before CLIP's preprocessing; nil: the image
  /// is not resized before it.
  public var referenceSide: Int? = 512

  /// CLIP's published preprocessing, for an encoder of images with this side.
  public init(side: Int = 224) {
    (shortEdge, cropHeight, cropWidth, filter) = (side, side, side, .bicubic)
    mean = [0.48145466, 0.4578275, 0.40821073]
    standardDeviation = [0.26862954, 0.26130258, 0.27577711]
  }

  /// Reads a `preprocessor_config.json`.
  /// - Throws: `JSONError` for an entry of the wrong type; `ParameterError.unsupported` for sizes, means or standard
  ///   deviations that cannot be used, and for resampling other than bilinear (2) or bicubic (3).
  public init(_ json: JSONNode) throws {
    self.init()
    let size = json["size"]
    shortEdge = try size["shortest_edge"].isPresent ? size["shortest_edge"].int() : size.int(or: 224)
    let crop = json["crop_size"]
    cropHeight = try crop["height"].isPresent ? crop["height"].int() : crop.int(or: shortEdge)
    cropWidth = try crop["width"].isPresent ? crop["width"].int() : crop.int(or: shortEdge)
    if json["image_mean"].isPresent { mean = try json["image_mean"].floats() }
    if json["image_std"].isPresent { standardDeviation = try json["image_std"].floats() }
    switch try json["resample"].int(or: 3) {
    case 2: filter = .bilinear
    case 3: filter = .bicubic
    case let other:
      throw ParameterError.unsupported(
        component: "image processor", option: "resample", found: "\(other)", supported: "2 (bilinear), 3 (bicubic)")
    }
    try checkSizes(
      "image processor", ["size": shortEdge, "crop_size.height": cropHeight, "crop_size.width": cropWidth],
      atMost: 16384)
    guard mean.count == 3, standardDeviation.count == 3, standardDeviation.allSatisfy({ $0 > 0 }) else {
      throw ParameterError.unsupported(
        component: "image processor", option: "image_mean, image_std", found: "\(mean), \(standardDeviation)",
        supported: "three numbers each, standard deviations above 0")
    }
  }

  /// The image after resizing and cropping, before scaling and normalisation.
  public func cropped(_ image: PixelImage) -> PixelImage {
    let reference = referenceSide.map { image.resized(width: $0, height: $0, filter: .bicubic) } ?? image
    let short = min(reference.width, reference.height)
    let long = Int(Double(shortEdge) * Double(max(reference.width, reference.height)) / Double(short))
    let resized =
      reference.width <= reference.height
      ? reference.resized(width: shortEdge, height: long, filter: filter)
      : reference.resized(width: long, height: shortEdge, filter: filter)
    return resized.centerCropped(width: cropWidth, height: cropHeight)
  }

  /// The vision encoder's input for one image, `[3, height, width]`.
  public func callAsFunction(_ image: PixelImage) -> Tensor {
    let pixels = cropped(image).tensor()
    return (pixels - Tensor(mean, shape: [3, 1, 1])) / Tensor(standardDeviation, shape: [3, 1, 1])
  }
}
