import Images
import JSON
import Layers
import Tensors

/// Turns an image into the vision encoder's input as the published code does: bicubic to 512×512 first (MS-Diffusion),
/// then CLIP's own resize of the short edge, centre crop, scaling to 0…1 and normalisation.
public struct CLIPImageProcessor: Sendable {
  /// Length of the short edge after resizing, in pixels.
  public var shortEdge: Int
  public var cropHeight: Int
  public var cropWidth: Int
  public var mean: [Float]
  public var standardDeviation: [Float]
  public var filter: ResizeFilter
  /// Side of the square, in pixels, to which a reference image is resized before CLIP's preprocessing; nil: no resize.
  public var referenceSide: Int? = 512

  /// CLIP's preprocessing to images of this side: 224 for the published encoder.
  public init(side: Int = 224) {
    (shortEdge, cropHeight, cropWidth, filter) = (side, side, side, .bicubic)
    mean = [0.48145466, 0.4578275, 0.40821073]
    standardDeviation = [0.26862954, 0.26130258, 0.27577711]
  }

  /// Reads a `preprocessor_config.json`.
  /// - Throws: `JSONError`; `ParameterError.unsupported` for resampling other than bilinear (2) or bicubic (3).
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
