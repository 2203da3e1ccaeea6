import Analysis
import Foundation
import Images
import Tensors
import TestSupport
import Testing
import TrainingData

/// Masks, alpha channels, orientation tags and text encodings that occur in people's own samples.
@Suite struct SampleImageTests {
  private let folder: TemporaryFolder

  /// A picture of 16 × 12 pixels; the brick is red, at x 4..<8 and y 5..<9.
  init() throws {
    folder = try TemporaryFolder()
    try picture.write(folder.file("image.png"))
    try mask(255).write(folder.file("mask.png"))
    try FileManager.default.copyItem(atPath: Golden.path("photos/astronaut.png"), toPath: folder.file("cut-out.png"))
  }

  private static let box = "[0.25, 0.41666, 0.5, 0.75]"

  private func isBrick(_ x: Int, _ y: Int) -> Bool { (4..<8).contains(x) && (5..<9).contains(y) }

  private var picture: PixelImage {
    var image = PixelImage(width: 16, height: 12, blue: 255)
    for y in 0..<12 {
      for x in 0..<16 where isBrick(x, y) {
        image.pixels[3 * (y * 16 + x)] = 255
        image.pixels[3 * (y * 16 + x) + 2] = 0
      }
    }
    return image
  }

  private func mask(_ inside: UInt8, _ outside: UInt8 = 0, scale: Int = 1) -> PixelImage {
    PixelImage(
      width: 16 * scale, height: 12 * scale,
      pixels: (0..<12 * scale).flatMap { y in
        (0..<16 * scale).flatMap { x in
          [UInt8](repeating: isBrick(x / scale, y / scale) ? inside : outside, count: 3)
        }
      })
  }

  private func opened(_ text: String) throws -> SampleFolder {
    _ = try folder.write(Array(text.utf8), as: "samples.jsonl")
    return try SampleFolder(folder.path)
  }

  /// The first sample of a folder whose second line is the sample.
  private func brick(_ subject: String, _ sample: String = "", box: String = box) throws -> TrainingSubject {
    let line =
      #"{"image": "image.png", "caption": "a brick", "#
      + #""subjects": [{"phrase": "brick", "box": \#(box)\#(subject)}]\#(sample)}"#
    let first = #"{"image": "image.png", "caption": "water", "subjects": []}"#
    return try opened(first + "\n" + line).sample(1, size: 12, referenceSize: 12).subjects[0]
  }

  private func message(_ work: () throws -> Void) -> String {
    do {
      try work()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test(arguments: [1, 3, 127, 255] as [UInt8])
  func masksOfTwoLevelsAreMeant(value: UInt8) throws {
    let expected = try brick(#", "mask": "mask.png""#)
    #expect(expected.silhouette.values.reduce(0, +) == 16)
    try mask(value).write(folder.file("m.png"))
    let found = try brick(#", "mask": "m.png""#)
    #expect(found.silhouette == expected.silhouette && found.reference == expected.reference)
    try mask(value, scale: 3).write(folder.file("m.png"))
    #expect(try brick(#", "mask": "m.png""#).silhouette == expected.silhouette)
  }

  @Test func labelsAreChosenByIndex() throws {
    var labels = mask(4, 2)
    for channel in 0..<3 { labels.pixels[channel] = 0 }
    try labels.write(folder.file("m.png"))
    let expected = try brick(#", "mask": "mask.png""#)
    #expect(try brick(#", "mask": "m.png", "mask_index": 4"#).silhouette == expected.silhouette)
    let found = message { _ = try brick(#", "mask": "m.png""#) }
    #expect(found.contains("samples.jsonl, line 2, subjects[0].mask") && found.contains("the labels 0, 2, 4"))
    #expect(found.contains("m.png"))
    #expect(message { _ = try brick(#", "mask": "m.png", "mask_index": 9"#) }.contains("found one of indices 0, 2, 4"))
    #expect(message { _ = try brick(#", "mask_index": 9"#) }.contains("mask_index: expected mask as well, found none"))
  }

  @Test func masksThatCannotBeMeantNameFileAndLine() throws {
    try mask(0).write(folder.file("none.png"))
    try mask(255, 255).write(folder.file("all.png"))
    try mask(0, 255).write(folder.file("inverted.png"))
    try mask(255).resized(width: 12, height: 12).write(folder.file("square.png"))
    try PixelImage(contentsOf: Golden.path("photos/cat.jpg")).resized(width: 16, height: 12).write(
      folder.file("photo.png"))
    for (name, words) in [
      ("none", "one that selects no pixel"), ("all", "one that selects every pixel"),
      ("inverted", "white pixels inside it"), ("square", "expected a mask of 16×12 pixels"), ("photo", "colours"),
    ] {
      let found = message { _ = try brick(#", "mask": "\#(name).png""#) }
      #expect(found.contains("samples.jsonl, line 2, subjects[0].mask") && found.contains("\(name).png"), "\(found)")
      #expect(found.contains(words), "\(found)")
      let subject = #", "reference": "image.png", "reference_mask": "\#(name).png""#
      let other = message { _ = try brick(subject) }
      #expect(other.contains("line 2, subjects[0].reference_mask") || name == "inverted", "\(other)")
    }
    let apart = message { _ = try brick(#", "mask": "mask.png""#, box: "[0.7, 0, 0.9, 0.3]") }
    #expect(apart.contains("mask that is white on the subject in subjects[0].box"), "\(apart)")
    let mainlyOutside = message { _ = try brick(#", "mask": "mask.png""#, box: "[0.25, 0.4, 0.31, 0.75]") }
    #expect(mainlyOutside.contains("only 4 of 16 white pixels inside it"), "\(mainlyOutside)")
  }

  @Test func alphaChannelsAreMasksUnlessRefused() throws {
    let given = #", "reference": "cut-out.png""#
    let cutOut = try brick(given).reference
    let whole = try brick(given, #", "uses_alpha": false"#).reference
    #expect(cutOut != whole && zip(cutOut.values, whole.values).allSatisfy { $0 <= $1 + 0.1 })
    // As the mask of another image: the reference's own.
    #expect(try brick(given + #", "reference_mask": "cut-out.png""#).reference == cutOut)
    // The alpha channel of the sample's image is the mask inside the box.
    func person(_ sample: String) throws -> TrainingSubject {
      let line =
        #"{"image": "cut-out.png", "caption": "a person", "#
        + #""subjects": [{"phrase": "person", "box": [0, 0, 1, 0.5]}]\#(sample)}"#
      return try opened(line).sample(0, size: 16, referenceSize: 16).subjects[0]
    }
    let (masked, boxed) = try (person(""), person(#", "uses_alpha": false"#))
    #expect(boxed.silhouette == boxed.box.mask(height: 16, width: 16))
    #expect(masked.silhouette != boxed.silhouette && masked.silhouette[12, 8] == 0)
    #expect(masked.reference != boxed.reference)
  }

  /// A photograph whose orientation tag says that it is to be turned counterclockwise.
  @Test func photographsAreTurnedAsViewersShowThem() throws {
    let stored = PixelImage(
      width: 12, height: 16,
      pixels: (0..<16).flatMap { y in
        (0..<12).flatMap { x -> [UInt8] in
          let (red, green, blue) = picture[y, 11 - x]
          return [red, green, blue]
        }
      })
    // The Exif block says 8: a quarter turn counterclockwise.
    let tiff: [UInt8] = Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1]
    let block = tiff + [0, 8, 0, 0, 0, 0, 0, 0]
    let jpeg = stored.jpegBytes(quality: 100)
    let tagged = Array(jpeg[..<2]) + [0xff, 0xe1, 0, UInt8(block.count + 2)] + block + jpeg[2...]
    _ = try folder.write(tagged, as: "photo.jpg")
    let turned = try PixelImage(contentsOf: folder.file("photo.jpg"))
    #expect((turned.width, turned.height) == (16, 12))
    let far = zip(
      turned.resized(width: 4, height: 3, filter: .box).pixels,
      picture.resized(width: 4, height: 3, filter: .box).pixels)
    #expect(far.allSatisfy { abs(Int($0) - Int($1)) < 40 })
    func sample(_ subject: String, _ more: String = "", box: String = Self.box) throws -> TrainingSubject {
      let line =
        #"{"image": "photo.jpg", "caption": "a brick", "#
        + #""subjects": [{"phrase": "brick", "box": \#(box)\#(subject)}]\#(more)}"#
      return try opened(line).sample(0, size: 12, referenceSize: 12).subjects[0]
    }
    // Box and mask are those of the turned picture; its middle square begins at x = 2.
    let found = try sample(#", "mask": "mask.png""#)
    for (edge, expected) in zip(found.box.numbers, [2.0 / 12, 5.0 / 12, 0.5, 0.75] as [Float]) {
      #expect(abs(edge - expected) < 1e-4)
    }
    #expect(found.silhouette == (try brick(#", "mask": "mask.png""#).silhouette))
    // A mask of the stored size is refused with a hint, and accepted with the stored orientation.
    try PixelImage(
      width: 12, height: 16,
      pixels: (0..<192).flatMap { [UInt8](repeating: isBrick($0 / 12, 11 - $0 % 12) ? 255 : 0, count: 3) }
    ).write(folder.file("stored.png"))
    let refused = message { _ = try sample(#", "mask": "stored.png""#) }
    #expect(refused.contains("fits the photograph before it is turned"), "\(refused)")
    let unturned = try sample(
      #", "mask": "stored.png""#, #", "orientation": "stored""#, box: "[0.25, 0.25, 0.58333, 0.5]")
    #expect(unturned.silhouette.values.reduce(0, +) == 16 && unturned.silhouette != found.silhouette)
    #expect(message { _ = try sample("", #", "orientation": "up""#) }.contains("expected 'shown' or 'stored'"))
  }

  @Test func listsMayHaveAMarkAndBlankLines() throws {
    let line = #"{"image": "image.png", "caption": "a brick", "subjects": []}"#
    for text in [
      "\u{feff}" + line, line + "\n\n" + line + "\n", "\n \t\n" + line, line + "\r\n\r\n" + line + "\r\n",
    ] { #expect(try opened(text).count == text.split(separator: "caption").count - 1) }
    let broken = message { _ = try opened("\u{feff}" + line + "\n\n{\"image\": 3}\n") }
    #expect(broken.contains("samples.jsonl, line 3") && broken.contains("expected a string"), "\(broken)")
    let wide = Array(line.utf16).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    _ = try folder.write([0xff, 0xfe] + wide, as: "samples.jsonl")
    #expect(message { _ = try SampleFolder(folder.path) }.contains("found text in UTF-16; save it again as UTF-8"))
    let pointer = message { _ = try opened("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n") }
    #expect(pointer.contains("a Git LFS pointer") && pointer.contains("git lfs pull"))
    #expect(message { _ = try opened("<!DOCTYPE html><html>") }.contains("an HTML page"))
    #expect(message { _ = try opened("\n \n") }.contains("line 1: expected a JSON object, found blank lines only"))
  }
}
