import Images
import JSON
import Layers
import Tensors

/// Turns an image into the vision encoder's input as the published code does. MS-Diffusion first resizes the image to
/// 512×512, bicubically; CLIP then resizes the short edge, crops the centre, scales to 0…1 and normalises. Each of
/// CLIP's steps can be switched off by the configuration.
public struct CLIPImageProcessor: Sendable {
  /// How CLIP resizes an image.
  public enum Resizing: Sendable, Equatable {
    /// The short edge gets this length in pixels; the aspect ratio is kept.
    case shortEdge(Int)
    /// Height and width in pixels; the aspect ratio is not kept.
    case exact(height: Int, width: Int)
  }

  /// A height and a width in pixels.
  public struct Size: Sendable, Equatable {
    public var height, width: Int

    public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

    init(_ size: (height: Int, width: Int)) { (height, width) = size }
  }

  /// How the image is resized; nil: not at all.
  public var resizing: Resizing?
  /// The size to which the centre is cropped; nil: the image is not cropped.
  public var crop: Size?
  /// The factor by which pixels of 0…255 are multiplied; nil: they are not multiplied.
  public var rescaling: Float?
  /// Whether the mean is subtracted and the difference divided by the standard deviation.
  public var normalizes = true
  /// Mean of red, green and blue, which is subtracted.
  public var mean: [Float]
  /// Standard deviation of red, green and blue, by which the difference is divided.
  public var standardDeviation: [Float]
  /// The filter with which the image is resized.
  public var filter: ResizeFilter
  /// Side of the square, in pixels, to which a reference image is resized before CLIP's preprocessing; nil: the image
  /// is not resized before it.
  public var referenceSide: Int? = 512

  /// CLIP's published preprocessing, for an encoder of images with this side.
  public init(side: Int = 224) {
    (resizing, crop, filter, rescaling) = (.shortEdge(side), Size(height: side, width: side), .bicubic, 1 / 255)
    mean = [0.48145466, 0.4578275, 0.40821073]
    standardDeviation = [0.26862954, 0.26130258, 0.27577711]
  }

  /// Reads a `preprocessor_config.json`. An entry that it omits has the default of transformers' CLIPImageProcessor.
  /// Sizes may be numbers, lists of height and width, or objects.
  /// - Throws: `JSONError` for an entry of the wrong type; `ParameterError.unsupported` for sizes, means or standard
  ///   deviations that cannot be used, and for resampling that is not Lanczos (1), bilinear (2), bicubic (3) or box
  ///   (4).
  public init(_ json: JSONNode) throws {
    self.init()
    if json["size"].isPresent { resizing = try Self.resizing(json["size"]) }
    if json["crop_size"].isPresent { crop = try Size(json["crop_size"].heightAndWidth()) }
    if json["image_mean"].isPresent { mean = try Self.perChannel(json["image_mean"]) }
    if json["image_std"].isPresent { standardDeviation = try Self.perChannel(json["image_std"]) }
    rescaling = try json["rescale_factor"].isPresent ? json["rescale_factor"].float() : rescaling
    if try !json["do_resize"].bool(or: true) { resizing = nil }
    if try !json["do_center_crop"].bool(or: true) { crop = nil }
    if try !json["do_rescale"].bool(or: true) { rescaling = nil }
    normalizes = try json["do_normalize"].bool(or: true)
    if try json["do_pad"].bool(or: false) {
      throw ParameterError.unsupported(
        component: Self.component, option: "do_pad", found: "true", supported: "false; CLIP crops instead")
    }
    // The numbers are Pillow's.
    let filters: [Int: ResizeFilter] = [1: .lanczos, 2: .bilinear, 3: .bicubic, 4: .box]
    let resample = try json["resample"].int(or: 3)
    guard let filter = filters[resample] else {
      throw ParameterError.unsupported(
        component: Self.component, option: "resample", found: "\(resample)",
        supported: "1 (Lanczos), 2 (bilinear), 3 (bicubic), 4 (box)")
    }
    self.filter = filter
    try check()
  }

  private static let component = "image processor"

  private func check() throws {
    switch resizing {
    case .shortEdge(let length)?: try checkSizes(Self.component, ["size": length], atMost: 16384)
    case .exact(let height, let width)?:
      try checkSizes(Self.component, ["size.height": height, "size.width": width], atMost: 16384)
    case nil: break
    }
    if let crop {
      try checkSizes(
        Self.component, ["crop_size.height": crop.height, "crop_size.width": crop.width], atMost: 16384)
    }
    guard mean.count == 3, standardDeviation.count == 3, standardDeviation.allSatisfy({ $0 > 0 }) else {
      throw ParameterError.unsupported(
        component: Self.component, option: "image_mean, image_std", found: "\(mean), \(standardDeviation)",
        supported: "one number or three numbers for each option; standard deviations above 0")
    }
  }

  private static func resizing(_ json: JSONNode) throws -> Resizing {
    if json["shortest_edge"].isPresent { return .shortEdge(try json["shortest_edge"].int()) }
    switch json.value {
    case .object?, .array?:
      let size = try json.heightAndWidth()
      return .exact(height: size.height, width: size.width)
    default: return .shortEdge(try json.int())
    }
  }

  private static func perChannel(_ json: JSONNode) throws -> [Float] {
    if case .array? = json.value { return try json.floats() }
    return Array(repeating: try json.float(), count: 3)
  }

  /// The size of the encoder's input for a square image; nil: the image keeps its own size.
  public var outputSize: Size? {
    if let crop { return crop }
    switch resizing {
    case .shortEdge(let length)?: return Size(height: length, width: length)
    case .exact(let height, let width)?: return Size(height: height, width: width)
    case nil: return referenceSide.map { Size(height: $0, width: $0) }
    }
  }

  /// The image after resizing and cropping, before scaling and normalisation.
  public func cropped(_ image: PixelImage) -> PixelImage {
    let reference = referenceSide.map { image.resized(width: $0, height: $0, filter: .bicubic) } ?? image
    let resized = resized(reference)
    return crop.map { resized.centerCropped(width: $0.width, height: $0.height) } ?? resized
  }

  private func resized(_ image: PixelImage) -> PixelImage {
    switch resizing {
    case nil: return image
    case .exact(let height, let width)?: return image.resized(width: width, height: height, filter: filter)
    case .shortEdge(let short)?:
      let long = Int(Double(short) * Double(max(image.width, image.height)) / Double(min(image.width, image.height)))
      return image.width <= image.height
        ? image.resized(width: short, height: long, filter: filter)
        : image.resized(width: long, height: short, filter: filter)
    }
  }

  /// The vision encoder's input for one image, `[3, height, width]`.
  public func callAsFunction(_ image: PixelImage) -> Tensor {
    var pixels = cropped(image).tensor()
    // The tensor is already in 0…1, as after multiplication by the published factor of 1/255.
    let factor = rescaling ?? 1
    if abs(factor * 255 - 1) > 1e-6 { pixels = pixels * (255 * factor) }
    return normalizes
      ? (pixels - Tensor(mean, shape: [3, 1, 1])) / Tensor(standardDeviation, shape: [3, 1, 1]) : pixels
  }
}
