import Analysis
import Images
import Tensors
import TestSupport
import Testing
import TrainingData

@Suite struct PoseTests {
  /// The fractions of red, green and blue in the sum of all pixels.
  private func tint(_ image: Tensor) -> [Float] {
    let area = image.shape[1] * image.shape[2]
    let values = image.values
    let sums = (0..<3).map { values[$0 * area..<($0 + 1) * area].reduce(0, +) }
    let total = sums.reduce(0, +)
    return sums.map { $0 / max(total, 1e-6) }
  }

  /// A mask of the pixels that are not black.
  private func lit(_ image: Tensor) -> Tensor {
    let area = image.shape[1] * image.shape[2]
    let values = image.values
    let mask = (0..<area).map { pixel -> Float in
      (0..<3).contains { values[$0 * area + pixel] > 0.02 } ? 1 : 0
    }
    return Tensor(mask, shape: [image.shape[1], image.shape[2]])
  }

  @Test func referencesOfOneIdentityDifferInPoseAndAgreeInColour() throws {
    for name in ["dog", "pizza", "car", "shirt", "heart"] {
      let kind = try world.kind(name)
      for hue in [0, 5] {
        let crops = (0..<6).map { seed in
          world.crop(of: Identity(kind: kind, hue: hue), seed: seed, background: .black)
        }
        let other = world.reference(of: Identity(kind: kind, hue: (hue + 6) % 12))
        for (index, crop) in crops.enumerated() {
          for next in crops[(index + 1)...] { #expect(crop != next && lit(crop) != lit(next)) }
          let own = tint(world.reference(of: Identity(kind: kind, hue: hue)))
          func distance(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } }
          #expect(distance(tint(crop), own) < distance(tint(crop), tint(other)), "\(name), hue \(hue)")
        }
      }
    }
  }

  @Test func referencesFillMostOfTheirImageAndMostAreOnBlack() throws {
    let identity = Identity(kind: try world.kind("pizza"), hue: 3)
    var onBlack = 0
    for seed in 0..<200 as Range<UInt64> {
      let reference = world.reference(of: identity, style: .random(seed))
      let mask = lit(reference)
      guard mask[0, 0] == 0 || mask[63, 63] == 0 || mask[0, 63] == 0 || mask[63, 0] == 0 else { continue }
      onBlack += 1
      let box = Box(around: mask)
      #expect(max(box.x1 - box.x0, box.y1 - box.y0) > 0.55)
    }
    #expect((120...175).contains(onBlack))
  }

  /// Two drawings of one kind are poses of one identity; two designs are not.
  @Test func secondDrawingsArePoses() throws {
    let dog = world.kinds[try world.kind("dog")]
    #expect(dog.designs.count == 1 && dog.drawings.count == 2)
    let tree = world.kinds[try world.kind("tree")]
    #expect(tree.designs.count == 2)
    #expect(world.kinds.count { kind in kind.designs.contains { $0.count > 1 } } >= 12)
    for kind in world.kinds {
      for drawing in kind.drawings { #expect(drawing.scalar.properties.isEmoji) }
    }
  }

  @Test func theCanonicalPoseIsTheFontsOwn() throws {
    let dog = Identity(kind: try world.kind("dog"), hue: 0)
    let reference = world.reference(of: dog, size: 128)
    let box = Box(around: lit(reference))
    #expect(abs(max(box.x1 - box.x0, box.y1 - box.y0) - 0.9) < 0.03)
    #expect(abs(box.x0 + box.x1 - 1) < 0.03 && abs(box.y0 + box.y1 - 1) < 0.03)
    #expect(world.reference(of: dog, size: 128) == reference)
  }

  /// A rotation of the hue keeps luminance where no channel leaves 0…1.
  @Test func hueKeepsLuminance() throws {
    let kind = try world.kind("dog")
    func luminance(_ hue: Int) -> Float {
      let values = world.reference(of: Identity(kind: kind, hue: hue)).values
      let sums = (0..<3).map { values[$0 * 4096..<($0 + 1) * 4096].reduce(0, +) / 4096 }
      return 0.2126 * sums[0] + 0.7152 * sums[1] + 0.0722 * sums[2]
    }
    for hue in 1..<12 { #expect(abs(luminance(hue) / luminance(0) - 1) < 0.08) }
  }

  @Test func clothesSitOnTheirWearers() throws {
    var checked = 0
    for index in 0..<(isOptimised ? 3000 : 300) {
      let plan = world.plan(index, seed: 41, subjects: 2...4)
      guard plan.combination.isWorn else { continue }
      let sample = world.sample(plan, referenceSize: 8)
      let roles = sample.subjects.map { $0.identity.map { world.kinds[$0.kind].role } }
      func boxes(_ role: Role) -> [Box] { roles.indices.filter { roles[$0] == role }.map { sample.subjects[$0].box } }
      func middle(_ box: Box) -> Float { (box.y0 + box.y1) / 2 }
      // The wearer is the last living subject before the clothes.
      guard let wearer = boxes(.living).last, plan.combination.listsWearer else { continue }
      for hat in boxes(.upwearing) where wearer.area > 0 {
        checked += 1
        #expect(hat.y0 < middle(wearer) && hat.x0 < wearer.x1 && hat.x1 > wearer.x0, "\(sample.caption)")
      }
      for shirt in boxes(.midwearing) + boxes(.wholewearing) {
        checked += 1
        #expect(middle(shirt) > middle(wearer) && shirt.y0 < wearer.y1, "\(sample.caption)")
      }
      for (jeans, shirt) in zip(boxes(.downwearing), boxes(.midwearing)) {
        checked += 1
        #expect(middle(jeans) > middle(shirt), "\(sample.caption)")
      }
    }
    #expect(checked > 20)
  }

  @Test func referencesOfAPlaceAreDifferentViewsOfIt() throws {
    let beach = Identity(kind: try world.kind("beach"), hue: 2)
    #expect(world.reference(of: beach, style: .random(1)) != world.reference(of: beach, style: .random(2)))
    #expect(world.reference(of: beach).values.allSatisfy { $0 > 0 })
  }

  @Test func candidatesIncludeTheIdentityAndSimilarOnes() throws {
    let identity = Identity(kind: try world.kind("cat"), hue: 4)
    let candidates = world.candidates(for: identity, seed: 3)
    #expect(candidates.count == 20 && Set(candidates).count == 20 && candidates[0] == identity)
    #expect(candidates.count { $0.kind == identity.kind } == 6)
    #expect(candidates.count { $0.kind != identity.kind && $0.hue == identity.hue } >= 5)
    #expect(world.candidates(for: identity, seed: 3) == candidates)
    #expect(world.candidates(for: identity, count: 1, seed: 3) == [identity])
  }

  @Test func referencesAreWrittenAsImages() throws {
    let folder = try TemporaryFolder()
    let identities = [
      Identity(kind: try world.kind("frog"), hue: 0), Identity(kind: try world.kind("alarm clock"), hue: 7),
    ]
    let paths = try world.writeReferences(of: identities, to: folder.path, size: 96)
    #expect(folder.contents == ["alarm-clock-7.png", "frog-0.png"])
    let image = try PixelImage(contentsOf: paths[0])
    #expect(image.width == 96 && image.height == 96 && image[0, 0] == (0, 0, 0))
    #expect(image == PixelImage(world.reference(of: identities[0], size: 96)))
  }

  @Test func anUnknownKindIsAnErrorThatNamesSimilarOnes() {
    let error = #expect(throws: TrainingDataError.self) { try world.kind("dogs") }
    #expect(error.map { "\($0)".contains("similar names: dog") } == true)
  }
}
