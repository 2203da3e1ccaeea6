import Foundation
import Images
import Tensors

/// The pose of an identity in an image of its own.
public enum ReferencePose: Sendable, Equatable {
  /// The first drawing, upright as in the font, with its longer side 90 % of the image's, on black.
  case canonical
  /// As references are in training, drawn from a seed: any pose, mostly 60–95 % of the side, on black in three of four.
  case random(UInt64)
}

/// The background of a crop.
public enum CropGround: Sendable, Equatable {
  case black, plain, place
  /// One of the others, at random.
  case any
}

extension EmojiWorld {
  /// An image of one identity alone, RGB `[3, size, size]`, 0…1; of a place, a view of it.
  public func reference(of identity: Identity, size: Int = 64, pose: ReferencePose = .canonical) -> Tensor {
    switch pose {
    case .canonical:
      var pose = Pose()
      pose.size = 0.9
      return drawn(identity, pose, on: Backdrop(place: nil, palette: identity.hue, seed: 1), ground: .black, size: size)
    case .random(let seed):
      var random = SceneRandom(seed, 0x7265_6665)
      let ground = [CropGround.black, .plain, .place][random.index(in: [0.75, 0.15, 0.1])]
      return crop(identity, size: size, ground: ground, &random)
    }
  }

  /// An image of one identity in a random crop and pose. Crops with different seeds are positives of each other in
  /// contrastive training.
  ///
  /// - Parameter ground: the background.
  public func crop(of identity: Identity, size: Int = 64, seed: UInt64, ground: CropGround = .any) -> Tensor {
    var random = SceneRandom(seed, 0x6372_6f70)
    let drawnGround = [CropGround.black, .plain, .place][random.index(in: [0.4, 0.25, 0.35])]
    return crop(identity, size: size, ground: ground == .any ? drawnGround : ground, &random)
  }

  private func crop(_ identity: Identity, size: Int, ground: CropGround, _ random: inout SceneRandom) -> Tensor {
    let places = Place.allCases
    let backdrop = Backdrop(
      place: ground == .place ? random.pick(places) : nil, palette: random.below(Identity.hues), seed: random.bits())
    guard place(of: identity) == nil else {
      return drawn(identity, Pose(), on: backdrop, ground: ground, size: size)
    }
    let sprites = sprites(of: identity)
    var pose = Pose.random(drawings: sprites.count, &random)
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
    return drawn(identity, pose, on: backdrop, ground: ground, size: size)
  }

  private func drawn(
    _ identity: Identity, _ pose: Pose, on backdrop: Backdrop, ground: CropGround, size: Int
  ) -> Tensor {
    let canvas = Canvas(side: size)
    if let place = place(of: identity) {
      canvas.draw(Backdrop(place: place, palette: identity.hue, seed: backdrop.seed))
      return canvas.tensor()
    }
    if ground != .black { canvas.draw(backdrop) }
    canvas.draw(sprites(of: identity)[pose.drawing], pose, hue: Hue.steps[identity.hue])
    return canvas.tensor()
  }

  /// Writes canonical references, RGB on black, as PNG files named after the identity: `dog-4.png`.
  ///
  /// - Returns: Their paths, in order.
  /// - Throws: `ImageError` where a file cannot be written.
  @discardableResult public func writeReferences(
    of identities: [Identity], to folder: String, size: Int = 512
  ) throws -> [String] {
    try identities.map { identity in
      let path = folder + "/" + name(of: identity).replacingOccurrences(of: " ", with: "-") + ".png"
      try PixelImage(reference(of: identity, size: size)).write(path)
      return path
    }
  }

  /// Kind, hue step, and design if there are several: `dog-4`, `tree-4-1`.
  public func name(of identity: Identity) -> String {
    let kind = kinds[identity.kind]
    return "\(kind.name)-\(identity.hue)" + (kind.designs.count > 1 ? "-\(identity.design)" : "")
  }
}
