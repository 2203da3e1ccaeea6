import Analysis
import Foundation
import Tensors

/// The world that the small model is trained on: scenes of colour emoji in procedurally drawn places, with captions,
/// boxes, silhouettes and references.
///
/// Every sample is a pure function of its arguments, so training asks for samples by index, and only the emoji drawings
/// are kept in memory. Several threads may draw at once.
///
/// ```swift
/// let world = try EmojiWorld()
/// let sample = world.sample(7, seed: 1)
/// sample.caption                   // "a dog and a pizza on the beach"
/// sample.subjects[0].reference     // the same dog in a different pose
/// ```
public final class EmojiWorld: Sendable {
  /// All kinds of subjects: emoji first, then the six places.
  public let kinds: [Kind]
  /// The drawings of each kind and design.
  private let sprites: [[[Sprite]]]
  let pools: CastingPools
  /// How scenes are composed.
  let rules: SceneRules
  package let heldOut: HeldOut
  /// Index of the first place among the kinds.
  let placeKinds: Int

  /// Reads all drawings from the font.
  /// - Parameters:
  ///   - font: The file of the font Noto Color Emoji. If nil, it is searched for in the usual folders.
  ///   - rules: How scenes are composed.
  /// - Throws: ``TrainingDataError/font(path:expected:found:)`` if the font is missing or cannot be used; the message
  ///   names the package that contains it.
  public init(font: URL? = nil, rules: SceneRules = .varied) throws {
    self.rules = rules
    heldOut = try HeldOut()
    let kinds = KindCatalogue.kinds(heldOut: heldOut.kinds)
    self.kinds = kinds
    placeKinds = kinds.firstIndex { $0.role == .scene } ?? kinds.count
    let scalars = kinds.flatMap(\.drawings).map(\.scalar)
    var bitmaps = try EmojiFont.bitmaps(of: scalars, font: font)[...]
    sprites = kinds.map { kind in
      kind.designs.map { design in design.map { _ in Sprite(bitmaps.removeFirst()) } }
    }
    pools = CastingPools(kinds, heldOut, rules)
  }

  /// The drawings of one identity, which are its poses. Stops the program if the identity is not one of this world.
  func sprites(of identity: Identity) -> [Sprite] {
    guard kinds.indices.contains(identity.kind), kinds[identity.kind].designs.indices.contains(identity.design),
      (0..<Identity.hues).contains(identity.hue)
    else { fail("EmojiWorld: expected an identity of this world, found \(identity)") }
    return sprites[identity.kind][identity.design]
  }

  /// How colourful each drawing of a kind is: the mean difference between the largest and the smallest colour channel,
  /// 0 for greys.
  package func chroma(ofKind kind: Int) -> [Float] { sprites[kind].flatMap { $0.map(\.chroma) } }

  /// The place of an identity whose kind has the role ``Role/scene``; nil for an identity of any other kind.
  func place(of identity: Identity) -> Place? { Place(rawValue: identity.kind - placeKinds) }

  /// Renders a scene with all its annotations. The arguments alone determine the result.
  ///
  /// Stops the program if `subjects` is not within 1…4, or if a size is not positive.
  ///
  /// - Parameters:
  ///   - index: index of the sample in its stream.
  ///   - seed: seed of the stream.
  ///   - split: the part of the world that the scene comes from.
  ///   - size: pixels per side of the image; the scene is the same at any size.
  ///   - referenceSize: pixels per side of the references.
  ///   - subjects: possible numbers of subjects, within 1…4; two are the most frequent, then one, three and four.
  public func sample(
    _ index: Int, seed: UInt64, split: Split = .training, size: Int = 64, referenceSize: Int = 64,
    subjects: ClosedRange<Int> = 1...4
  ) -> TrainingSample {
    sample(plan(index, seed: seed, split: split, subjects: subjects), size: size, referenceSize: referenceSize)
  }

  /// Renders a planned scene with all its annotations. Stops the program if a size is not positive.
  public func sample(_ plan: ScenePlan, size: Int = 64, referenceSize: Int = 64) -> TrainingSample {
    let canvas = Canvas(side: size)
    canvas.draw(plan.backdrop, rules)
    let area = size * size
    var boxes = [Box](repeating: .none, count: plan.subjects.count)
    // One plane per subject, and one for a wearer who is not a subject.
    let planes = UnsafeMutablePointer<Float>.allocate(capacity: area * (plan.subjects.count + 1))
    defer { planes.deallocate() }
    planes.initialize(repeating: 0, count: area * (plan.subjects.count + 1))
    var drawn = plan.subjects.indices.filter { kinds[plan.subjects[$0].identity.kind].role == .scene }
    for index in drawn {
      boxes[index] = .whole
      (planes + index * area).update(repeating: 1, count: area)
    }
    for figure in plan.figures {
      let plane = planes + (figure.subject ?? plan.subjects.count) * area
      let extent = canvas.draw(
        sprites(of: figure.identity)[figure.pose.drawing], figure.pose, hue: figure.identity.rotation,
        coverage: plane)
      for row in extent.rows {
        for pixel in row * size + extent.columns.lowerBound..<row * size + extent.columns.upperBound {
          let rest = 1 - plane[pixel]
          for other in drawn { planes[other * area + pixel] *= rest }
        }
      }
      guard let subject = figure.subject else { continue }
      drawn.append(subject)
      boxes[subject] = Box(around: Cells(rows: extent.rows, columns: extent.columns), height: size, width: size)
    }
    let subjects = plan.subjects.enumerated().map { index, subject in
      TrainingSubject(
        phrase: subject.phrase, box: boxes[index],
        silhouette: Tensor(shape: [size, size]) { $0.baseAddress?.update(from: planes + index * area, count: area) },
        reference: reference(of: subject.identity, size: referenceSize, style: .random(subject.referenceSeed)),
        identity: subject.identity)
    }
    return TrainingSample(caption: plan.caption, image: canvas.tensor(scale: 2, offset: -1), subjects: subjects)
  }

  /// The background of a scene without any subject, for comparison with images of the scene: RGB `[3, size, size]`,
  /// -1…1. Stops the program if `size` is not positive.
  public func emptyScene(_ plan: ScenePlan, size: Int = 64) -> Tensor {
    let canvas = Canvas(side: size)
    canvas.draw(plan.backdrop, rules)
    return canvas.tensor(scale: 2, offset: -1)
  }
}

extension EmojiWorld {
  /// Indices of the kinds that training sees, including places.
  public var trainingKinds: [Int] { kinds.indices.filter { !kinds[$0].isHeldOut && isShown($0) } }

  /// Whether scenes of any split show the kind.
  func isShown(_ kind: Int) -> Bool { rules.shows(kinds[kind]) }

  /// The hues, 0..<12, in which a split shows a kind. The split must contain the kind; this is not checked.
  public func hues(of kind: Int, in split: Split) -> [Int] { heldOut.hues(of: kind, in: split) }
}

extension EmojiWorld {
  /// Every word that captions can contain.
  public var words: Set<String> {
    let sentences =
      kinds.map(\.name) + Place.allCases.map { $0.phrase + " " + $0.ending }
      + ["a an and wearing with in the background on of", TrainingSample.genericName]
    return Set(sentences.flatMap { $0.split(separator: " ").map(String.init) })
  }
}
