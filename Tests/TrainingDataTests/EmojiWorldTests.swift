import Analysis
import Foundation
import Tensors
import TestSupport
import Testing
import TrainingData

/// The emoji world, opened once for all tests.
let world: EmojiWorld = {
  do {
    return try EmojiWorld()
  } catch {
    fatalError("\(error)")
  }
}()

/// Fewer samples in a debug build, which is slow.
private let many = isOptimised ? 600 : 40

@Suite struct EmojiWorldTests {
  @Test func samplesAreAPureFunctionOfTheirArguments() throws {
    let other = try EmojiWorld()
    for index in 0..<20 { #expect(isSame(world.sample(index, seed: 5), other.sample(index, seed: 5))) }
    let first = world.sample(3, seed: 5)
    #expect(!isSame(first, world.sample(4, seed: 5)))
    #expect(!isSame(first, world.sample(3, seed: 6)))
    #expect(!isSame(first, world.sample(3, seed: 5, split: .heldOutKinds)))
  }

  @Test func threadsDrawTheSame() async {
    let alone = (0..<8).map { world.sample($0, seed: 9) }
    let together = await withTaskGroup(of: (Int, TrainingSample).self) { group in
      for index in 0..<8 { group.addTask { (index, world.sample(index, seed: 9)) } }
      return await group.reduce(into: [Int: TrainingSample]()) { $0[$1.0] = $1.1 }
    }
    for index in 0..<8 { #expect(together[index].map { isSame($0, alone[index]) } == true) }
  }

  private func isSame(_ a: TrainingSample, _ b: TrainingSample) -> Bool {
    a.caption == b.caption && a.image == b.image && a.subjects.count == b.subjects.count
      && zip(a.subjects, b.subjects).allSatisfy {
        $0.silhouette == $1.silhouette && $0.reference == $1.reference && $0.box == $1.box
          && $0.identity == $1.identity && $0.phrase == $1.phrase
      }
  }

  @Test func shapesAndRangesAreAsPromised() {
    for index in 0..<20 {
      let sample = world.sample(index, seed: 1, size: 48, referenceSize: 40, subjects: 2...3)
      #expect((2...3).contains(sample.subjects.count))
      #expect(sample.image.shape == [3, 48, 48] && sample.image.values.allSatisfy { (-1...1).contains($0) })
      for subject in sample.subjects {
        #expect(subject.silhouette.shape == [48, 48] && subject.silhouette.values.allSatisfy { (0...1).contains($0) })
        #expect(subject.reference.shape == [3, 40, 40] && subject.reference.values.allSatisfy { (0...1).contains($0) })
        #expect(subject.reference.values.contains { $0 > 0.2 })
      }
    }
  }

  @Test func aSceneIsTheSameAtAnySize() throws {
    for index in 0..<12 {
      let plan = world.plan(index, seed: 4)
      let (small, large) = (world.sample(plan, size: 64), world.sample(plan, size: 160))
      for (a, b) in zip(small.subjects, large.subjects) {
        for (edge, other) in zip(a.box.numbers, b.box.numbers) { #expect(abs(edge - other) < 0.04) }
      }
    }
  }

  @Test func silhouettesLieInBoxesAndDoNotOverlap() {
    for index in 0..<many {
      let sample = world.sample(index, seed: 2)
      var sum = [Float](repeating: 0, count: 64 * 64)
      for subject in sample.subjects {
        #expect(throws: Never.self) { try subject.box.validated() }
        let values = subject.silhouette.values
        let inside = subject.box.mask(height: 64, width: 64).values
        #expect(zip(values, inside).allSatisfy { $0 == 0 || $1 == 1 }, "\(sample.caption): \(subject.phrase)")
        #expect(values.contains { $0 > 0.5 }, "\(sample.caption): \(subject.phrase) is not visible")
        for index in values.indices { sum[index] += values[index] }
      }
      #expect(sum.allSatisfy { $0 <= 1.0001 }, "\(sample.caption)")
    }
  }

  @Test func boxesAreTight() {
    for index in 0..<many {
      let sample = world.sample(index, seed: 8, subjects: 1...1)
      #expect(Box(around: sample.subjects[0].silhouette) == sample.subjects[0].box)
    }
  }

  @Test func anEmptySceneIsTheSceneWithoutSubjects() {
    var subjectsShow = 0
    for index in 0..<40 {
      let plan = world.plan(index, seed: 3, subjects: 1...1)
      let (sample, empty) = (world.sample(plan), world.emptyScene(plan))
      let (image, ground, silhouette) = (sample.image.values, empty.values, sample.subjects[0].silhouette.values)
      var difference: Float = 0
      for pixel in silhouette.indices {
        for channel in 0..<3 {
          let distance = abs(image[channel * 4096 + pixel] - ground[channel * 4096 + pixel])
          if silhouette[pixel] == 0 { #expect(distance == 0) } else { difference += distance }
        }
      }
      if difference / (3 * silhouette.reduce(0, +)) > 0.15 { subjectsShow += 1 }
    }
    #expect(subjectsShow > 36)
  }

  @Test func subjectsOverlapLittleUnlessWorn() {
    for index in 0..<many {
      let plan = world.plan(index, seed: 13, subjects: 2...4)
      guard !plan.combination.name.contains("wearing"), !plan.combination.hasScene else { continue }
      let boxes = world.sample(plan, size: 32, referenceSize: 8).subjects.map(\.box)
      for (position, box) in boxes.enumerated() {
        for other in boxes[(position + 1)...] {
          let width = min(box.x1, other.x1) - max(box.x0, other.x0)
          let height = min(box.y1, other.y1) - max(box.y0, other.y0)
          let shared = max(width, 0) * max(height, 0)
          #expect(shared <= 0.4 * min(box.area, other.area), "\(plan.caption)")
        }
      }
    }
  }

  /// The order of words does not depend on positions in the image.
  @Test(.longNumeric) func wordOrderDoesNotDependOnPosition() {
    var (left, above, count) = (0, 0, 0)
    for index in 0..<2000 {
      let plan = world.plan(index, seed: 6, subjects: 2...2)
      guard !plan.combination.isWorn, !plan.combination.hasScene else { continue }
      let boxes = world.sample(plan, size: 32, referenceSize: 8).subjects.map(\.box)
      count += 1
      if boxes[0].x0 + boxes[0].x1 < boxes[1].x0 + boxes[1].x1 { left += 1 }
      if boxes[0].y0 + boxes[0].y1 < boxes[1].y0 + boxes[1].y1 { above += 1 }
    }
    #expect(count > 1000)
    for number in [left, above] { #expect((0.45...0.55).contains(Double(number) / Double(count))) }
  }

  @Test func aMissingOrUnfitFontIsAnErrorThatNamesThePackage() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write(Array("no font".utf8), as: "text.ttf")
    for (path, found) in [
      ("/nowhere/NotoColorEmoji.ttf", "no readable file"), (text, "cannot read"),
      ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "outlines"),
    ] {
      let error = #expect(throws: TrainingDataError.self) { try EmojiWorld(font: URL(fileURLWithPath: path)) }
      let message = error.map { "\($0)" } ?? ""
      #expect(message.hasPrefix(path) && message.contains(found) && message.contains("fonts-noto-color-emoji"))
    }
  }
}
