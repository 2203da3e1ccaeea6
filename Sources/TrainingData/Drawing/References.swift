import Foundation
import Images
import Tensors

/// How an identity is shown in its reference image.
public enum ReferenceStyle: Sendable, Equatable {
  /// The identity's first drawing on black, upright as in the font; its longer side is 90 % of the image's side.
  case canonical
  /// A random image as in training; the seed determines it. Any drawing of the identity is shown in a random pose,
  /// rotated by at most 25°, and usually takes 60–95 % of the image's side. The background is black in 75 % of the
  /// images, otherwise plain or a place.
  case random(UInt64)
}

/// The background of a crop. It has no effect if the identity is a place, which fills the image.
public enum CropBackground: Sendable, Equatable {
  case black
  /// A gradient between two muted colours.
  case plain
  /// A random place in a random palette.
  case place
  /// `black`, `plain` or `place`, at random with the probabilities 0.4, 0.25 and 0.35.
  case any
}

extension EmojiWorld {
  /// An image of one identity alone, RGB `[3, size, size]`, 0…1; if the identity is a place, an image of that place.
  /// Stops the program if the identity is not one of this world, or if `size` is not positive.
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

  /// A random crop of one identity, RGB `[3, size, size]`, 0…1: any of its drawings in a random pose. Two crops of the
  /// same identity with different seeds are a positive pair in contrastive training.
  ///
  /// Stops the program if the identity is not one of this world, or if `size` is not positive.
  /// - Parameter background: the background; it has no effect if the identity is a place.
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
    var pose = Pose.random(drawings: sprites.count, rules, &random)
    // In radians: within about 9° in half of the cases, otherwise within 25°.
    let limit: Float = random.happens(0.5) ? 0.16 : 0.436
    pose.rotation = random.uniform(-limit...limit) * rules.turning
    // Sometimes the drawing is as large as the image or a little larger, and one or more edges cut it off.
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
      canvas.draw(Backdrop(place: place, palette: identity.hue, seed: backdrop.seed), rules)
      return canvas.tensor()
    }
    if background != .black { canvas.draw(backdrop, rules) }
    canvas.draw(sprites(of: identity)[pose.drawing], pose, hue: identity.rotation)
    return canvas.tensor()
  }

  /// Writes canonical references as PNG files, each named after its identity, with hyphens for spaces: `dog-4.png`.
  ///
  /// - Parameter folder: the folder to write to, which must exist.
  /// - Returns: The files' paths, in the order of the identities.
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

  /// An identity's kind and hue, followed by its design if the kind has several designs: `dog-4`, `tree-4-1`.
  public func name(of identity: Identity) -> String {
    let kind = kinds[identity.kind]
    return "\(kind.name)-\(identity.hue)" + (kind.designs.count > 1 ? "-\(identity.design)" : "")
  }
}
