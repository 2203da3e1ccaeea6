import Analysis
import Images
import JSON
import Tensors
import TestSupport
import Testing
import TrainingData

@Suite struct SampleFolderTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    // 20×10 pixels: a red rectangle on blue, and a mask of the rectangle.
    var image = PixelImage(width: 20, height: 10, blue: 255)
    var mask = PixelImage(width: 20, height: 10)
    for y in 2..<8 {
      for x in 6..<10 {
        let offset = 3 * (y * 20 + x)
        (image.pixels[offset], image.pixels[offset + 2]) = (255, 0)
        for channel in 0..<3 { mask.pixels[offset + channel] = 255 }
      }
    }
    try image.write(folder.file("image.png"))
    try mask.write(folder.file("mask.png"))
    try PixelImage(width: 6, height: 12, green: 200).write(folder.file("reference.png"))
    try PixelImage(width: 6, height: 12, red: 255, green: 255, blue: 255).write(folder.file("white.png"))
  }

  private func opened(_ lines: String...) throws -> SampleFolder {
    _ = try folder.write(Array(lines.joined(separator: "\n").utf8), as: "samples.jsonl")
    return try SampleFolder(folder.path)
  }

  private func message(_ work: () throws -> Void) -> String {
    do {
      try work()
      return "no error"
    } catch { return "\(error)" }
  }

  private static let good =
    #"{"image": "image.png", "caption": "a brick and a river", "subjects": [{"phrase": "brick", "box": [0.3, 0.2, 0.5, 0.8], "mask": "mask.png", "reference": "reference.png"}, {"phrase": "river", "box": [0.5, 0, 0.75, 1]}]}"#

  @Test func everyFieldOfASampleIsRead() throws {
    let samples = try opened(Self.good, #"{"image": "image.png", "caption": "water", "subjects": []}"#, "")
    #expect(samples.count == 2)
    let sample = try samples.sample(0, size: 10, referenceSize: 12)
    #expect(sample.caption == "a brick and a river" && sample.image.shape == [3, 10, 10])
    #expect(sample.image.values.allSatisfy { (-1...1).contains($0) })
    let (brick, river) = (sample.subjects[0], sample.subjects[1])
    // The middle square begins at a quarter of the width: 0.3 of the image is 0.1 of the square.
    for (edge, expected) in zip(brick.box.numbers, [0.1, 0.2, 0.5, 0.8] as [Float]) {
      #expect(abs(edge - expected) < 1e-5)
    }
    #expect(brick.silhouette[5, 2] == 1 && brick.silhouette[5, 8] == 0 && brick.silhouette[0, 2] == 0)
    #expect(brick.silhouette.values.reduce(0, +) == 24)
    #expect(sample.image[0, 5, 2] == 1 && sample.image[2, 5, 2] == -1)
    // A reference of 6×12 fills the square.
    #expect(brick.reference.shape == [3, 12, 12] && brick.reference[1, 6, 6] > 0.7 && brick.reference[1, 6, 0] > 0.7)
    // Without mask and reference, the box is the silhouette, and the image inside the box is the reference.
    #expect(river.silhouette == river.box.mask(height: 10, width: 10))
    #expect(river.reference[2, 6, 6] == 1 && river.identity == nil)
    #expect(try samples.sample(1).subjects.isEmpty)
  }

  /// References of any shape, also those that are cut out of the image, are stretched as `CLIPImageProcessor` does it.
  @Test func referencesAreStretched() throws {
    var reference = PixelImage(width: 6, height: 12, green: 200)
    for x in 0..<6 { reference.pixels[3 * x] = UInt8(40 * x) }
    try reference.write(folder.file("reference.png"))
    let subjects = try opened(Self.good).sample(0, size: 10, referenceSize: 24).subjects
    #expect(subjects[0].reference == reference.resized(width: 24, height: 24, filter: .bicubic).tensor())
    #expect(subjects[1].reference.values.prefix(24 * 24).allSatisfy { $0 == 0 })
    #expect(subjects[1].reference.values.suffix(24 * 24).allSatisfy { $0 == 1 })
  }

  @Test func aReferenceCutOutOfTheImageIsMasked() throws {
    let samples = try opened(
      #"{"image": "image.png", "caption": "a brick", "subjects": [{"phrase": "brick", "box": [0.25, 0, 0.75, 1], "mask": "mask.png"}]}"#
    )
    let reference = try samples.sample(0, referenceSize: 10).subjects[0].reference
    #expect(reference[0, 5, 2] == 1 && reference[2, 5, 8] == 0 && reference[2, 0, 0] == 0)
  }

  @Test func twoOfOnePhraseNeedTwoOccurrences() throws {
    let subject = #"{"phrase": "cat", "box": [0.3, 0, 0.6, 1]}"#
    _ = try opened(#"{"image": "image.png", "caption": "a cat, and a cat.", "subjects": [\#(subject), \#(subject)]}"#)
    let found = message {
      _ = try opened(#"{"image": "image.png", "caption": "a cat", "subjects": [\#(subject), \#(subject)]}"#)
    }
    #expect(found.contains("line 1, subjects[1].phrase: expected words that occur 2 times in 'a cat'"))
  }

  @Test(arguments: [
    (#""box": [0.3, 0.2, 0.5]"#, "subjects[0].box: expected left, top, right and bottom"),
    (#""box": [0.5, 0.2, 0.3, 0.8]"#, "subjects[0].box"), (#""box": [30, 20, 50, 80]"#, "subjects[0].box"),
    (#""box": [0, 0, 0, 0]"#, "expected a box with an area"), (#""box": "left""#, "expected an array"),
    (#""bocks": [0, 0, 1, 1]"#, "found 'bocks'"),
    (#""mask": "mask.png""#, "subjects[0].box: expected an array, found nothing"),
    (#""box": [0, 0, 1, 1], "mask": "../mask.png""#, "expected a path inside the folder"),
    (#""box": [0, 0, 1, 1], "mask": "/etc/passwd""#, "expected a path inside the folder"),
    (#""box": [0, 0, 1, 1], "mask": "lost.png""#, "expected an image file"),
    (#""box": [0, 0, 1, 1], "mask": """#, "expected a path inside the folder"),
    (#""box": [0, 0, 1, 1], "mask": 3"#, "expected a string, found the number 3"),
    (#""box": [0, 0, 1, 1], "reference_mask": "mask.png""#, "expected a reference as well"),
    (#""box": [0, 0, 1, 1], "box": [0, 0, 1, 1]"#, "occurs twice"),
  ])
  func wrongEntriesAreErrorsThatNameTheirLocation(keys: String, expected: String) {
    let found = message {
      _ = try opened(
        Self.good, #"{"image": "image.png", "caption": "a brick", "subjects": [{"phrase": "brick", \#(keys)}]}"#)
    }
    #expect(found.contains(expected) && found.contains("samples.jsonl, line 2"), "\(found)")
  }

  @Test(arguments: [
    ("", "an empty file"), ("\n\n", "line 1"), ("[]", "expected an object"), ("{", "line 1"),
    ("{}", "expected a string"),
    (#"{"image": "image.png", "caption": "a cat", "subjects": [], "size": 3}"#, "found 'size'"),
    (#"{"image": "image.png", "caption": "a cat"}"#, "expected an array, found nothing"),
    (
      #"{"image": "image.png", "caption": "a cat", "subjects": [{"phrase": "dog", "box": [0, 0, 1, 1]}]}"#,
      "'dog', which does not occur"
    ),
    (
      #"{"image": "image.png", "caption": "a cat", "subjects": [{"phrase": " ", "box": [0, 0, 1, 1]}]}"#,
      "which does not occur"
    ),
    (#"{"image": "image.png", "caption": "a", "subjects": [{}, {}, {}, {}, {}]}"#, "expected at most 4, found 5"),
  ])
  func wrongListsAreErrors(text: String, expected: String) {
    let found = message { _ = try opened(text) }
    #expect(found.contains(expected) && found.contains("samples.jsonl"), "\(found)")
  }

  @Test func errorsInImagesAreThrownWhenTheyAreRead() throws {
    let samples = try opened(
      #"{"image": "image.png", "caption": "a cat", "subjects": [{"phrase": "cat", "box": [0, 0, 0.2, 1]}]}"#,
      #"{"image": "image.png", "caption": "a cat", "subjects": [{"phrase": "cat", "box": [0, 0, 1, 1], "mask": "white.png"}]}"#,
      #"{"image": "samples.jsonl", "caption": "a cat", "subjects": []}"#)
    #expect(message { _ = try samples.sample(0) }.contains("line 1, subjects[0].box: expected a box that overlaps"))
    #expect(message { _ = try samples.sample(1) }.contains("expected a mask of 20×10 pixels"))
    #expect(throws: ImageError.self) { try samples.sample(2) }
    #expect(throws: TrainingDataError.noSample(folder: folder.path, index: 3, count: 3)) { try samples.sample(3) }
    #expect(message { _ = try SampleFolder("/nowhere") }.contains("/nowhere/samples.jsonl"))
  }
}
