import Foundation
import Images
import Tensors

/// How an identity is shown in its reference image.
public enum ReferenceStyle: Sendable, Equatable {
  /// The first drawing, upright as in the font, with its longer side 90 % of the image's, on black.
  case canonical
  /// As in training, random by seed: small random rotation, usually 60–95 % of the image side, on black 75 % of the
  /// time.
  case random(UInt64)
}

/// The background of a crop. It is ignored for places, which fill the image.
public enum CropBackground: Sendable, Equatable {
  case black
  /// A gradient between two muted colours.
  case plain
  /// A random place in a random palette.
  case place
  /// One of the other three, at random.
  case any
}

extension EmojiWorld {
  /// An image of one identity alone, RGB `[3, size, size]`, 0…1; if the identity is a place, an image of that place.
  public func reference(of identity: Identity, size: Int = 64, style: ReferenceStyle = .canonical) -> Tensor {
    switch style {
    case .canonical:
      var pose = Pose()
      pose.size = 0.9
      let backdrop = Backdrop(place: nil, palette: identity.hue, seed: 1)
      return drawn(identity, pose, on: backdrop, background: .black, size: size)
    case .random(let seed):
      var random = SceneRandom(seed, 0x7265_6665)
      let background = [CropBackground.black, .plain, .place][random.index(in: [0.75, 0.15, 0.1])]
      return crop(identity, size: size, background: background, &random)
    }
  }

  /// A random crop of one identity. Crops of the same identity with different seeds are positive pairs in contrastive
  /// training.
  ///
  /// - Parameter background: the background; ignored if the identity is a place.
  public func crop(of identity: Identity, size: Int = 64, seed: UInt64, background: CropBackground = .any) -> Tensor {
    var random = SceneRandom(seed, 0x6372_6f70)
    let randomBackground = [CropBackground.black, .plain, .place][random.index(in: [0.4, 0.25, 0.35])]
    return crop(identity, size: size, background: background == .any ? randomBackground : background, &random)
  }

  private func crop(
    _ identity: Identity, size: Int, background: CropBackground, _ random: inout SceneRandom
  ) -> Tensor {
    let places = Place.allCases
    let backdrop = Backdrop(
      place: background == .place ? random.pick(places) : nil, palette: random.below(Identity.hues),
      seed: random.bits())
    guard place(of: identity) == nil else {
      return drawn(identity, Pose(), on: backdrop, background: background, size: size)
    }
    let sprites = sprites(of: identity)
    var pose = Pose.random(drawings: sprites.count, &random)
    // In radians: within 9° in half of the cases, otherwise within 25°.
    let limit: Float = random.happens(0.5) ? 0.16 : 0.436
    pose.rotation = random.uniform(-limit...limit)
    // Sometimes a little larger than the image, and cut off at an edge or two.
    let isCut = random.happens(0.12)
    let side = isCut ? random.uniform(1.0...1.2) : random.uniform(0.6...0.95)
    (pose.size, pose.center) = (1, .zero)
    let bounds = pose.bounds(sprites[pose.drawing].halfExtent)
    let extent = bounds.high - bounds.low
    pose.size = side / extent.max()
    let slack = isCut ? 0.1 : (1 - side) / 3
    let shift = SIMD2(random.uniform(-slack...slack), random.uniform(-slack...slack))
    pose.center = 0.5 + shift - (bounds.low + bounds.high) / 2 * pose.size
    return drawn(identity, pose, on: backdrop, background: background, size: size)
  }

  private func drawn(
    _ identity: Identity, _ pose: Pose, on backdrop: Backdrop, background: CropBackground, size: Int
  ) -> Tensor {
    let canvas = Canvas(side: size)
    if let place = place(of: identity) {
      canvas.draw(Backdrop(place: place, palette: identity.hue, seed: backdrop.seed))
      return canvas.tensor()
    }
    if background != .black { canvas.draw(backdrop) }
    canvas.draw(sprites(of: identity)[pose.drawing], pose, hue: Hue.steps[identity.hue])
    return canvas.tensor()
  }

  /// Writes canonical references, RGB on black, as PNG files named after the identity: `dog-4.png`.
  ///
  /// - Returns: Their paths, in order.
  /// - Throws: `ImageError` if a file cannot be written.
  @discardableResult public func writeReferences(
    of identities: [Identity], to folder: String, size: Int = 512
  ) throws -> [String] {
    try identities.map { identity in
      let path = folder + "/" + name(of: identity).replacingOccurrences(of: " ", with: "-") + ".png"
      try PixelImage(reference(of: identity, size: size)).write(path)
      return path
    }
  }

  /// Kind and hue step, plus the design number if the kind has several designs: `dog-4`, `tree-4-1`.
  public func name(of identity: Identity) -> String {
    let kind = kinds[identity.kind]
    return "\(kind.name)-\(identity.hue)" + (kind.designs.count > 1 ? "-\(identity.design)" : "")
  }
}
