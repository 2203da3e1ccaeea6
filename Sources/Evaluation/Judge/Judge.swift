import Analysis
import Tensors
import TrainingData

/// Recognises which identity a part of an image shows, by comparing colours and edges. The judge is written by hand,
/// not trained; it has nothing in common with the model except the emoji.
///
/// Every candidate is rendered in several poses: each of its drawings, plain and mirrored, at several rotations. The
/// part of the image is compared with each pose, on the pixels that the pose covers and, for edges, two pixels around
/// them. Only the most similar pose counts.
public struct Judge: Sendable {
  /// Similarity between a view and one pose of an identity; each number is in 0…1.
  package struct Likeness: Sendable {
    /// Similarity of colours, regardless of position.
    package var colors: Float
    /// Similarity of edges.
    package var edges: Float
    /// Similarity of colours pixel by pixel.
    package var arrangement: Float
  }

  /// The weight of each kind of likeness. The weights sum to 1; they were chosen on rendered scenes of the training
  /// split.
  package struct Weights: Sendable {
    package var colors: Float = 0.2
    package var edges: Float = 0.5
    package var arrangement: Float = 0.3

    package init() {}

    func callAsFunction(_ likeness: Likeness) -> Float {
      colors * likeness.colors + edges * likeness.edges + arrangement * likeness.arrangement
    }
  }

  /// The content of a box in an image, prepared for judging.
  public struct View: Sendable {
    let patch: Patch
    let rim: SIMD4<Float>
    let edges: EdgeField
  }

  let world: EmojiWorld
  package var weights = Weights()
  /// Rotations of candidates, in degrees.
  package var turns: [Float] = [-24, -12, 0, 12, 24]

  public init(_ world: EmojiWorld) { self.world = world }

  /// Prepares the content of a box in an image for judging.
  /// - Parameters:
  ///   - image: `[3, H, W]`, 0…1; a different shape stops the program.
  ///   - box: where a subject is expected.
  public func view(of image: Tensor, in box: Box) -> View {
    let patch = Patch(image, around: box)
    return View(patch: patch, rim: patch.rim, edges: EdgeField(patch))
  }

  /// Similarity between a view and an identity, 0…1: 1 if all pixels equal those of one of the identity's poses, 0 if
  /// the view has nothing in common with any of the poses. An identity that is not of the judge's world stops the
  /// program.
  public func similarity(of view: View, to identity: Identity) -> Double {
    similarity(of: view, to: poses(of: identity))
  }

  /// The likeness of a view to each pose of an identity.
  package func likenesses(of view: View, to identity: Identity) -> [Likeness] {
    poses(of: identity).map { likeness(of: view, to: $0) }
  }

  private func similarity(of view: View, to poses: [PosedCandidate]) -> Double {
    poses.map { Double(weights(likeness(of: view, to: $0))) }.max() ?? 0
  }

  private func poses(of identity: Identity) -> [PosedCandidate] {
    world.portraits(of: identity, turns: turns, side: Patch.side, fill: Patch.fill).map { PosedCandidate(Patch($0)) }
  }

  /// The greatest similarity between an identity and any window in an image, for images generated without boxes. A
  /// maximum over many windows is never small, so compare it with the result for images without any subject.
  /// - Parameter image: `[3, H, W]`, 0…1; a different shape stops the program.
  public func likenessAnywhere(in image: Tensor, to identity: Identity) -> Double {
    let poses = poses(of: identity)
    return Self.windows.map { similarity(of: view(of: image, in: $0), to: poses) }.max() ?? 0
  }

  /// Windows of three sizes. A window covers the same fraction of the image's width as of its height. The windows of
  /// each size together cover the image, and neighbours overlap by at least two thirds.
  private static let windows: [Box] = [Float(0.32), 0.44, 0.6].flatMap { side in
    let steps = Int(((1 - side) / (side / 3)).rounded(.up))
    let starts = (0...steps).map { Float($0) * (1 - side) / Float(steps) }
    return starts.flatMap { y in starts.map { x in Box(x, y, x + side, y + side) } }
  }

  /// The similarity between a view and each candidate, 0…1.
  public func similarities(of view: View, to candidates: [Identity]) -> [Double] {
    candidates.map { similarity(of: view, to: $0) }
  }

  /// The candidate that is most similar to a view; in a tie, the first one; nil if there are no candidates.
  public func nearest(to view: View, among candidates: [Identity]) -> Identity? {
    let all = similarities(of: view, to: candidates)
    return all.indices.max { all[$0] < all[$1] || (all[$0] == all[$1] && $0 > $1) }.map { candidates[$0] }
  }

  private func likeness(of view: View, to candidate: PosedCandidate) -> Likeness {
    let composited = candidate.patch.over(view.rim)
    return Likeness(
      colors: ColorHistogram(view.patch, weights: candidate.inside).intersection(with: candidate.colors),
      edges: EdgeHistogram(view.edges, weights: candidate.around)
        .cosine(with: EdgeHistogram(EdgeField(composited), weights: candidate.around)),
      arrangement: arrangement(view.patch, candidate.patch, weights: candidate.inside))
  }

  /// Similarity of colours pixel by pixel: 1 if they are equal; it falls with their mean distance.
  private func arrangement(_ patch: Patch, _ portrait: Patch, weights: [Float]) -> Float {
    // Light differs between images and does not depend on the identity: luma counts half.
    let scale = SIMD4<Float>(0.5, 1, 1, 0)
    var (sum, total) = (Float(0), Float(0))
    for index in weights.indices where weights[index] > 0 {
      let difference = (patch.pixels[index] - portrait.pixels[index]) * scale
      // The distance is capped, so that pixels covered by other subjects do not dominate.
      sum += weights[index] * min((difference * difference).sum().squareRoot(), 0.5)
      total += weights[index]
    }
    return total > 0 ? max(0, 1 - sum / total * 2) : 0
  }
}

/// A candidate in one pose, with everything that does not depend on the view.
private struct PosedCandidate {
  let patch: Patch
  /// The weights of pixels: `inside` for those that the candidate covers, `around` also for a rim around its outline.
  let inside, around: [Float]
  let colors: ColorHistogram

  init(_ patch: Patch) {
    self.patch = patch
    inside = patch.pixels.map { $0.w * $0.w }
    around = patch.coverage(grownBy: 2)
    colors = ColorHistogram(patch, weights: inside)
  }
}
